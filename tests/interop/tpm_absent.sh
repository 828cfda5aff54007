#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# No TPM: the provider loads, ordinary keys work, and a TPM key fails with one error that names the device.
source "$(dirname "$0")/../lib.sh"
tpm_start
tpm_srk
ssl_conf
make_key "$T/key.pem"
plain_openssl genpkey -quiet -algorithm RSA -out "$T/file.pem"
openssl pkey -in "$T/key.pem" -pubout -out "$T/pub.pem"
echo data >"$T/data"
sign() { openssl dgst -sha256 -sign "$1" -out "$T/sig" "$T/data"; }
tpm_stop

check "the provider loads" openssl list -providers
said signet active
check "an ordinary key signs" sign "$T/file.pem"
check "the public part of a TPM key is there" openssl pkey -in "$T/key.pem" -pubout -out "$T/pub2.pem"
check "the same" cmp "$T/pub.pem" "$T/pub2.pem"
refused "a signature" sign "$T/key.pem"
said "$TCTI"
refused "a key generation" genpkey "$T/new.pem" custody:tpm bits:2048
said "$TCTI"
check "custody auto makes a file key" genpkey "$T/new.pem" custody:auto bits:2048
check "which works without Signet" plain_openssl pkey -in "$T/new.pem" -noout -check

export SIGNET_TCTI=device:/dev/no-such-tpm
refused "the environment names another device" sign "$T/key.pem"
said /dev/no-such-tpm
export SIGNET_TCTI=nonsense:
refused "the environment names no device at all" sign "$T/key.pem"
said nonsense

# Nothing configured: it looks where TPMs are, and says where it looked, or which TPM it found instead.
unset SIGNET_TCTI
sed -i '/^tcti/d' "$T/openssl.cnf"
refused "no TPM named" env DBUS_SYSTEM_BUS_ADDRESS="unix:path=$T/none" openssl dgst -sha256 -sign "$T/key.pem" \
    -out "$T/sig" "$T/data"
if [ -e /dev/tpmrm0 ] || [ -e /dev/tpm0 ] || port_open 2321; then
    said 'TPM at (device:/dev/tpm|swtpm)'
else
    said /dev/tpmrm0 swtpm SIGNET_TCTI
fi

# A module that is not there: OpenSSL goes on with what it has.
sed -i 's/^module.*/module = no-such-module.so/' "$T/openssl.cnf"
check "an ordinary key signs without the module" sign "$T/file.pem"
refused "a TPM key without the module" sign "$T/key.pem"
