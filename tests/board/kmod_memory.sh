#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The kernel module algif_akcipher leaves nothing of a key in the board's memory once its socket is closed. The key is made
# on this side, and goes to the board with bits turned: see kmod/hold.c. The memory is searched on this side, too.
if [[ -z ${SIGNET_BOARD:-} ]]; then
    . "$(dirname "$0")/../lib.sh"
    plain_openssl genrsa -out "$T/key.pem" 2048 2>"$OUT"
    mkdir "$T/board"
    plain_openssl rsa -in "$T/key.pem" -traditional -outform DER 2>"$OUT" |
        perl -pe 'BEGIN { $/ = \1 } $_ ^= "\xa5"' >"$T/board/hidden"
    spawn board "$ROOT/tests/board/board.sh" --timeout 850 --no-tpm --no-pka --memory 512 --memory-file "$T/memory" \
        --folder "$T/board" bash "$(realpath "$0")"
    board=$SPAWNED
    # found WHEN: how many parts of the key there are when the board says so; it waits meanwhile.
    found() {
        until [[ -e $T/board/$1 ]]; do
            kill -0 "$board" 2>/dev/null || die "the board has ended before: $1"
            sleep 0.2
        done
        FOUND=$("$BUILD/tests/board/kmod_search" "$T/key.pem" "$T/memory" 2>"$OUT") || die "the memory can't be searched"
        touch "$T/board/$1.searched"
    }
    found before
    equal "parts of the key before it is set" "$FOUND" 0
    found held
    ((FOUND > 0)) || die "the key is not found while it is held"
    echo "ok: parts of the key while it is held: $FOUND"
    found closed
    [[ $FOUND = 0 ]] || cat "$OUT" >&2
    equal "parts of the key after its sockets are closed" "$FOUND" 0
    check "the board" wait "$board"
    exit
fi
. "$(dirname "$0")/lib.sh"

search() {
    touch "$SHARED/$1"
    until [[ -e $SHARED/$1.searched ]]; do sleep 0.1; done
}
modprobe algif_akcipher
search before
coproc holder { exec "$BUILD/tests/board/algif_akcipher_test" hold "$SHARED/hidden"; }
holder_pid=$holder_PID
read -r line <&"${holder[0]}"
[[ $line == "ok: a key is held" ]] || die "the key is not held: $line"
search held
eval "exec ${holder[1]}>&-"
wait "$holder_pid"
search closed
