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
make_ec_key "$T/ec.pem"
ALGORITHM=EC genpkey "$T/ec-sealed.pem" custody:sealed group:P-256 2>"$OUT"
for key in "$T/tpm.pem" "$T/sealed.pem" "signet:file=$T/file.pem" "$T/ec.pem" "$T/ec-sealed.pem"; do
    check "forks in the middle of operations: ${key##*/}" "$PROGRAMS/sign_load" --forks 6 5 "$key"
    cat "$OUT"
done
check "forks and signals" "$PROGRAMS/sign_load" --signals --forks 6 5 "$T/tpm.pem"

# The TPM goes away meanwhile: what its threads then have to say in the log must not wait for a fork that waits for them.
SIGNET_LOG=error:$T/errors.log spawn killed timeout 60 "$PROGRAMS/sign_load" --forks 6 6 "$T/tpm.pem"
sleep 3
tpm_stop
killed=0
wait "$SPAWNED" || killed=$?
equal "the TPM killed, with a log: it ends" $killed 1
grep 'signatures=' "$T/killed.log"
grep -q 'signatures=[1-9].* bad=[1-9].* hung-children=0$' "$T/killed.log" || die "no failures, or children that hang"
[ -s "$T/errors.log" ] || die "nothing is in the log"
