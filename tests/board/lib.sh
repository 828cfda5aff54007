# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# For the tests that run on the board. A script sources this file first, perhaps after setting BOARD=(OPTION...), options
# of board.sh. Started here, it runs itself on the board, with SIGNET_BOARD_ARCH=arm64 on the arm64 board; there it has
# what tests/lib.sh offers. When it ends, the kernel must have had nothing to complain about.
if [[ -z ${SIGNET_BOARD:-} ]]; then
    exec "$(dirname "${BASH_SOURCE[0]}")/board.sh" ${BOARD[@]+"${BOARD[@]}"} bash "$(realpath "$0")" "$@"
fi
# shellcheck disable=SC2034 # for the scripts
SHARED=$SIGNET_BOARD # tests/lib.sh clears what is Signet's
# shellcheck source=../lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/../lib.sh"

# The kernel's complaints: oopses, warnings, damaged memory, leaks, hung tasks.
kernel_complaints() {
    dmesg | grep -E 'BUG|Oops|WARNING|Call Trace|general protection|KASAN|use-after-free|unreferenced object|hung_task|blocked for more than|memory corruption'
}

on_board_exit() {
    local status=$? complaints
    if complaints=$(kernel_complaints); then
        dmesg | tail -n 60 >&2
        echo "FAILED: the kernel complains, see above: $complaints" >&2
        status=1
    fi
    (exit "$status")
    cleanup
}
trap on_board_exit EXIT

# The TPM of the board; its commands are in $SHARED/tpm.commands with BOARD=(--tpm-log).
# shellcheck disable=SC2034 # for the scripts and tests/lib.sh
board_tpm() {
    TPM=board
    TCTI=device:${1:-/dev/tpmrm0}
    export SIGNET_TCTI=$TCTI TPM2TOOLS_TCTI=$TCTI TPM2OPENSSL_TCTI=$TCTI
}

# silicon COMMAND...: an order to the emulated accelerator; see tests/board/pka/. Its answer is in $REPLY.
silicon() {
    exec {silicon_port}<>/dev/silicon.port
    echo "$*" >&"$silicon_port"
    read -rt 30 REPLY <&"$silicon_port" || die "the silicon does not answer to: $*"
    exec {silicon_port}>&-
    [[ $REPLY == ok* ]] || die "the silicon, to $*: $REPLY"
}

# count LANE FIELD [PID]: a counter of signet hw print stats, over all processes or of one; see board_stats.
count() {
    signet hw print stats | awk -v lane="lane=$1" -v field="$2" -v pid="${3:+pid=$3}" '
        $3 == lane && (pid == "" || $1 == pid) { for (i = 4; i <= NF; i++) if (split($i, a, "=") && a[1] == field) n += a[2] }
        END { print n + 0 }'
}

# more WHAT NUMBER THAN
more() {
    [ "$2" -gt "$3" ] || die "$1: $2 is not more than $3"
    echo "ok: $1"
}

# board_stats: from here on processes count what their lanes do.
board_stats() {
    export SIGNET_STATS_DIRECTORY=$T/stats
    mkdir "$T/stats"
}
