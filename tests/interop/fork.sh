#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# A process loads a key and forks: parent, children and grandchildren all sign, at the same time.
source "$(dirname "$0")/../lib.sh"
tpm_start
tpm_srk
ssl_conf
make_key "$T/key.pem"
for when in before after; do
    check "fork $when the first signature" "$PROGRAMS/sign_fork" $when 4 2 20 "$T/key.pem"
done
check "more processes than the TPM has slots" "$PROGRAMS/sign_fork" after 12 2 5 "$T/key.pem"

# Children that leave by _exit cannot clean up; whoever comes next has to cope with what they left.
check "a process afterwards" "$PROGRAMS/sign_many" 3 "$T/key.pem"
