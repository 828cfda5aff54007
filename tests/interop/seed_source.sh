#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The TPM as OpenSSL's seed source: used if openssl.cnf says so, and only then.
source "$(dirname "$0")/../lib.sh"
tpm_start
tpm_srk
asked() { tpm_commands "$1" | grep -c '^GetRandom$' || :; }

ssl_conf
mark=$(tpm_mark)
check "random numbers" openssl rand -hex 32
equal "not from the TPM unless wanted" "$(asked "$mark")" 0

sed -i 's/^providers = providers$/&\nrandom = random/' "$T/openssl.cnf"
printf '%s\n' '[random]' 'seed = SIGNET-SEED' 'seed_properties = provider=signet' >>"$T/openssl.cnf"
mark=$(tpm_mark)
check "random numbers, seeded by the TPM" openssl rand -hex 32
first=$(<"$OUT")
[ "$(asked "$mark")" -gt 0 ] || die "the TPM was not asked"
check "again" openssl rand -hex 32
[ "$(<"$OUT")" != "$first" ] || die "the same numbers twice"
# The seed is for the whole process: the generator serves everything else, and a key in the TPM is signed with, too.
make_key "$T/key.pem"
check "a signature" openssl dgst -sha256 -sign "$T/key.pem" -out "$T/sig" "$T/key.pem"

tpm_stop
refused "no seed without the TPM" openssl rand -hex 32
said "$TCTI"
