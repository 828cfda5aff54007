#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The kernel's digests and random numbers where a program can't use AF_ALG: the provider loads, nobody gets them without
# asking, and who asks is told what is missing. That they are right, tests/board/digest.sh shows.
source "$(dirname "$0")/../lib.sh"
TCTI=swtpm:host=127.0.0.1,port=1
head -c 1000 /dev/urandom >"$T/data"
openssl() { "$PROGRAMS/digests" without openssl "$@"; }

ssl_conf
refused "off by default" openssl dgst -propquery provider=signet -sha256 "$T/data"
check "not even listed" openssl list -digest-algorithms
! grep signet "$OUT" || die "there is a digest of signet's"
ssl_conf "default signet" "kernel-digests = maybe"
refused "neither yes nor no" openssl dgst -propquery provider=signet -sha256 "$T/data"
# OpenSSL goes on without the provider.
said 'kernel-digests = maybe: expected yes or no'

# OpenSSL 3.0 goes through providers by their names, others as they are listed.
for name in signet a-signet; do
    for order in "default signet" "signet default"; do
        echo "# order: $order, as $name"
        ssl_conf "$order" "kernel-digests = yes"
        sed -i "s/^signet = /$name = /" "$T/openssl.cnf"
        check "the provider loads" openssl list -providers
        said "^  $name"
        check "a digest without a property" openssl dgst -sha256 "$T/data"
        [ "$(<"$OUT")" = "$(plain_openssl dgst -sha256 "$T/data")" ] || die "it is another: $(<"$OUT")"
        refused "of the kernel" openssl dgst -propquery provider=signet -sha256 "$T/data"
        said 'the kernel does not compute sha256' 'Address family not supported' 'module af_alg' RestrictAddressFamilies
        for first in '' provider=signet provider=default '?fips=yes'; do
            check "who is chosen, after a first fetch with \"$first\"" "$PROGRAMS/digests" chosen "$first"
        done
    done
done
check "a program that loads the providers, Signet's first" env -u OPENSSL_CONF SIGNET_KERNEL_DIGESTS=yes \
    "SIGNET_TCTI=$TCTI" "$PROGRAMS/digests" loaded "$MODULES"
said 'none is offered before another provider'

# Random numbers. Without a seed there are none, and the error says why.
ssl_conf
check "not the kernel's crypto API unless wanted" openssl rand -hex 8
sed -i 's/^providers = providers$/&\nrandom = random/' "$T/openssl.cnf"
printf '%s\n' '[random]' 'seed = SIGNET-KERNEL-SEED' 'seed_properties = provider=signet' >>"$T/openssl.cnf"
refused "no seed" openssl rand -hex 8
said "kernel's crypto API gives no random numbers" 'Address family not supported' algif_rng crypto_user

check "hw print" "$PROGRAMS/digests" without "$BUILD/tools/signet" hw print
said 'digests: none by the kernel \(Address family' 'random: none by the kernel \(Address family'
