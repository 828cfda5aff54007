#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Mistakes in openssl.cnf, which OpenSSL itself passes over: the user is told which.
source "$(dirname "$0")/../lib.sh"
tpm_start
tpm_srk
ssl_conf
make_key "$T/key.pem"
read_key() { openssl pkey -in "$T/key.pem" -noout; }

ssl_conf signet
refused "the default provider is not active" read_key
said 'default provider is not active' 'activate = 1'
ssl_conf "default signet" "custody = gold"
refused "an unknown custody" read_key
said 'custody = gold' 'tpm, sealed, file or auto'
ssl_conf "default signet" "log = loud"
refused "an unknown log level" read_key
said 'log = loud' 'debug'

ssl_conf "default signet" "log = info:$T/no/such/folder/log"
check "a log file that can't be opened is no reason to stop" read_key
said 'log file'
ssl_conf "default signet" "log = debug:$T/log"
check "a log file" openssl dgst -sha256 -sign "$T/key.pem" -out "$T/sig" "$T/key.pem"
grep -q "$TCTI" "$T/log" || die "the log does not name the TPM"
for order in "default signet" "signet default"; do
    ssl_conf "$order"
    check "no complaint without a mistake: $order" read_key
    [ ! -s "$OUT" ] || die "there is output: $(<"$OUT")"
done
