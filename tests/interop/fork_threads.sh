#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# A process forks while its threads are in the middle of operations: the children sign as well, and none hangs on what
# a thread of its parent had locked.
. "$(dirname "$0")/../lib.sh"

tpm_start
tpm_srk
ssl_conf
make_key "$T/tpm.pem"
genpkey "$T/sealed.pem" custody:sealed bits:2048 2>"$OUT"
genpkey "$T/file.pem" custody:file bits:2048 2>"$OUT"
for key in "$T/tpm.pem" "$T/sealed.pem" "signet:file=$T/file.pem"; do
    check "forks in the middle of operations: ${key##*/}" "$PROGRAMS/sign_load" --forks 6 5 "$key"
    cat "$OUT"
done
check "forks and signals" "$PROGRAMS/sign_load" --signals --forks 6 5 "$T/tpm.pem"
