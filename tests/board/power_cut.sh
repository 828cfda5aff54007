#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Power cuts while keys are made, sealed, moved, written, signed with and deleted on an ext4 disk: after each, every
# key is whole or absent, and whatever a command had reported done is done.
#
# Usage: power_cut.sh [ROUNDS]     (SIGNET_ROUNDS, or 8; 100 take some 20 minutes)
# SEED repeats the moments of a run.
#
# The power is cut by killing QEMU: what the board's kernel has not yet handed to the disk is lost, and with it whatever
# a program did not sync. Each boot looks at what the cut before has left, and goes on writing until the next.
if [[ -z ${SIGNET_BOARD:-} ]]; then
    rounds=${1:-${SIGNET_ROUNDS:-8}}
    here=$(cd "$(dirname "$0")" && pwd)
    # shellcheck source=../lib.sh
    . "$here/../lib.sh"
    SEED=${SEED:-$RANDOM}
    RANDOM=$SEED
    echo "SEED=$SEED"
    folder=$T/board disk=$T/disk
    mkdir -p "$folder/ledger"
    truncate -s 96M "$disk"
    /sbin/mkfs.ext4 -q -F "$disk"

    # boot ROUND: looks at the disk; with a ROUND of 0 or above, goes on to write to it.
    boot() {
        SIGNET_BUILD=$BUILD "$here/board.sh" --folder "$folder" --disk "$disk" --no-pka --timeout 300 bash "$0" "$1" >"$OUT" 2>&1 &
        board=$!
        PIDS+=("$board")
    }

    # The board has ended, which it should not have.
    ended() {
        cat "$OUT" >&2
        die "round $round (SEED=$SEED): the board says the above"
    }

    for ((round = 0; round < rounds; round++)); do
        boot "$round"
        # Not before something is done, however slow the machine is.
        until grep -qs ^done "$folder/ledger/$round".*; do
            kill -0 "$board" 2>/dev/null || ended
            sleep 0.1
        done
        moment=$((RANDOM % 5000))
        sleep "$((moment / 1000)).$(printf %03d $((moment % 1000)))"
        [[ ! -e $folder/status ]] || ended
        kill -9 "$(<"$folder/qemu.pid")"
        wait "$board" || :
        [[ ! -e $folder/status ]] || ended
        PIDS=()
        [[ ! -t 1 ]] || echo "round $round: cut $moment ms later"
    done
    round=last
    boot -1
    wait "$board" || ended
    PIDS=()
    check "the disk is clean" /sbin/e2fsck -fn "$disk"
    # Each line of them is one round's.
    awk -v rounds="$rounds" '{ for (i = 1; i <= NF; i++) { split($i, a, "="); if (!(a[1] in n)) order[++count] = a[1]; n[a[1]] += a[2] } }
        END { printf "ok: %d power cuts:", rounds; for (i = 1; i <= count; i++) printf " %s=%d", order[i], n[order[i]]; print "" }' "$folder/found"
    cut=$(awk '{ for (i = 1; i <= NF; i++) if (split($i, a, "=") && a[1] == "cut-short") n += a[2] } END { print n + 0 }' "$folder/found")
    ((cut >= rounds)) || die "only $cut commands were under way at $rounds cuts: that says nothing"
    exit
fi

. "$(dirname "$0")/lib.sh"
round=$1
board_tpm
disk=/mnt
modprobe ext4
mount -t ext4 /dev/vda "$disk"
export SIGNET_HOME=$disk/home
ssl_conf
db() { sqlite3 "$SIGNET_HOME/signet.db" "$1"; }

# ---- what the last cut has left ----

# The ledger, written on the other side: "begin WHAT NAME" before a command, "done WHAT NAME" after it.
ledger() { awk -v verb="$1" -v what="$2" '$1 == verb && $2 == what { print $3 }' "$SHARED"/ledger/* | sort; }

# nothing_missing WHAT WANTED PRESENT: files of sorted names.
nothing_missing() {
    comm -23 "$2" "$3" >"$T/missing"
    [[ ! -s $T/missing ]] || die "$1: reported done before a power cut, and lost: $(tr '\n' ' ' <"$T/missing")"
}

# whole_files FOLDER BEFORE AFTER: names of files there, less what is before and after; a whole file has its last line.
is_whole() { grep -qx -e '-----END .*-----' "$1"; }
whole_files() {
    local file
    for file in "$1/$2"*"$3"; do
        if [[ -e $file ]] && is_whole "$file"; then
            file=${file#"$1/$2"}
            echo "${file%"$3"}"
        fi
    done | sort
}

look() {
    local last=$1 what name files

    # Before any command has had a chance to mend it.
    equal "the trust folder is whole" "$(grep -c END "$SIGNET_HOME/trust/bundle.pem")" "$(grep -c BEGIN "$SIGNET_HOME/trust/bundle.pem")"
    check "the store opens" signet key list
    equal "integrity" "$(db 'PRAGMA integrity_check; PRAGMA foreign_key_check')" ok
    equal "keys of no certificate" "$(db "SELECT count(*) FROM key WHERE name IS NULL
        AND NOT EXISTS (SELECT 1 FROM certificate c WHERE c.key = key.id)")" 0
    equal "certificates whose key is another's, or none" "$(db "SELECT count(*) FROM certificate c LEFT JOIN key k ON k.id = c.key
        WHERE c.der IS NOT NULL AND (k.id IS NULL OR k.fingerprint IS NOT c.key_fingerprint)")" 0
    equal "the trust folder" "$(grep -c END "$SIGNET_HOME/trust/bundle.pem")" "$(db 'SELECT count(*) FROM certificate WHERE is_trusted')"

    # What was reported done, in this round or any before.
    db "SELECT name FROM key WHERE name IS NOT NULL" | sort >"$T/keys"
    db "SELECT name FROM key WHERE custody = 'sealed'" | sort >"$T/sealed"
    db "SELECT name FROM certificate WHERE der IS NOT NULL" | sort >"$T/signed"
    db "SELECT name FROM certificate WHERE is_trusted" | sort >"$T/trusted"
    whole_files "$disk/keys" '' .pem >"$T/written"
    whole_files "$SIGNET_HOME/files" cert_export_ .crt >"$T/exported"
    ledger begin delete >"$T/deleting"
    ledger "done" make | comm -23 - "$T/deleting" >"$T/wanted"
    nothing_missing "keys" "$T/wanted" "$T/keys"
    ledger "done" move | comm -23 - "$T/deleting" >"$T/wanted"
    nothing_missing "keys moved" "$T/wanted" "$T/sealed"
    for what in sign:signed trust:trusted write:written export:exported; do
        ledger "done" "${what%:*}" >"$T/wanted"
        nothing_missing "${what#*:}" "$T/wanted" "$T/${what#*:}"
    done
    ledger "done" delete | comm -12 - "$T/keys" >"$T/back"
    [[ ! -s $T/back ]] || die "deleted before a power cut, and back: $(<"$T/back")"

    # No file is half a file: those of signet are written by no other name, and OpenSSL's genpkey -out is its own affair.
    for name in "$disk"/keys/*.pem; do
        [[ ! -e $name ]] || is_whole "$name" || die "$name is not whole"
    done
    for name in "$SIGNET_HOME"/files/*; do
        [[ ! -e $name || -s $name ]] || die "$name is empty"
    done

    # Whatever is there of the last round loads and signs.
    mkdir "$T/sign"
    while read -r name; do
        signet key write "$name" --out "$T/sign/$name.pem" >"$OUT" 2>&1 || die "key $name: $(<"$OUT")"
    done < <(cat "$T/keys" "$T/signed" | awk -v begin="r${last}w" 'index($0, begin) == 1')
    cp "$disk"/keys/current*.pem "$T/sign/" 2>/dev/null || :
    for name in "$disk"/keys/r"${last}"w*.pem; do
        if [[ -e $name ]]; then cp "$name" "$T/sign/file-${name##*/}"; fi
    done
    genpkey_whole=0 genpkey_broken=0
    for name in "$disk"/genpkey/r"${last}"w*.pem; do
        [[ -e $name ]] || continue
        if is_whole "$name"; then
            cp "$name" "$T/sign/genpkey-${name##*/}"
            genpkey_whole=$((genpkey_whole + 1))
        else
            genpkey_broken=$((genpkey_broken + 1))
        fi
    done
    files=("$T"/sign/*)
    if [[ -e ${files[0]} ]]; then check "${#files[@]} keys sign" "$PROGRAMS/sign_many" 1 "${files[@]}"; else files=(); fi

    if [[ -e $SHARED/ledger/$last.0 ]]; then
        echo "commands=$(cat "$SHARED/ledger/$last".* | grep -c '^done')" \
            "cut-short=$(($(cat "$SHARED/ledger/$last".* | grep -c '^begin') - $(cat "$SHARED/ledger/$last".* | grep -c '^done')))" \
            "signed-with=${#files[@]} genpkey-whole=$genpkey_whole genpkey-broken=$genpkey_broken" >>"$SHARED/found"
    fi
    if dmesg | grep -E 'EXT4-fs (error|warning)' >"$OUT"; then die "$(<"$OUT")"; fi
}

if [[ -d $SIGNET_HOME ]]; then
    look $((round >= 0 ? round - 1 : $(find "$SHARED/ledger" -name '*.0' | wc -l) - 1))
else
    mkdir "$disk"/{keys,genpkey}
    tpm_srk
    check "a new store" signet '/certificate add name=ca common-name=CA key-usage=key-cert-sign,crl-sign key-size=prime256v1 custody=file;
        /certificate sign ca; /certificate set ca trusted=yes'
    sync
fi
if ((round < 0)); then
    umount "$disk"
    exit
fi

# ---- writing, until the power goes ----

# act WHAT NAME COMMAND...
act() {
    local what=$1 name=$2
    shift 2
    echo "begin $what $name" >>"$SHARED/ledger/$round.$writer"
    "$@" >"$T/$writer.out" 2>&1 || die "$*: $(<"$T/$writer.out")"
    echo "done $what $name" >>"$SHARED/ledger/$round.$writer"
}
export_certificate() { signet "/certificate export-certificate $1 export-passphrase=a-long-passphrase"; }

# Each knows what the others do not do at the same time, so that a command fails for no good reason.
sealed_keys() {
    act make "$1" signet key make "$1" --custody sealed --size 1024
    act write "$1" signet key write "$1" --out "$disk/keys/$1.pem"
    act replace current signet key write "$1" --out "$disk/keys/current.pem"
    act make "$1d" signet key make "$1d" --custody sealed --size 1024
    act delete "$1d" signet key delete "$1d"
}
moved_keys() {
    act make "$1" signet key make "$1" --custody file --size 1024
    act move "$1" signet key move "$1" --custody sealed
    act genpkey "$1" genpkey "$disk/genpkey/$1.pem" custody:sealed bits:1024
}
certificates() {
    act make "$1t" signet key make "$1t" --custody tpm --size 1024
    act sign "$1" signet "/certificate add name=$1 common-name=$1 key-size=1024 custody=sealed; /certificate sign $1 ca=ca"
    act trust "$1" signet "/certificate set $1 trusted=yes"
    act export "$1" export_certificate "$1"
}
writers=(sealed_keys moved_keys certificates)
for writer in "${!writers[@]}"; do
    (for ((n = 0; ; n++)); do "${writers[writer]}" "r${round}w${writer}n$n"; done) &
done
wait -n
exit 1
