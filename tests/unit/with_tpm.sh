#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# with_tpm.sh PROGRAM: runs a unit test with a software TPM of its own, and sees that it leaves nothing there.
source "$(dirname "$0")/../lib.sh"
tpm_start
tpm_srk
# A storage key with a passphrase, for tests of parents that have one.
tpm2 createprimary -Q -C o -G ecc -p 'parent secret' -c "$T/parent.ctx" \
    -a 'fixedtpm|fixedparent|sensitivedataorigin|userwithauth|noda|restricted|decrypt'
tpm2 evictcontrol -Q -C o -c "$T/parent.ctx" 0x81000002
tpm2 flushcontext -t
SIGNET_TCTI=$TCTI "$1"
equal "no slot is left taken" "$(tpm_transient)" ''
equal "no key is left behind" "$(tpm2 getcap handles-persistent)" $'- 0x81000001\n- 0x81000002'
