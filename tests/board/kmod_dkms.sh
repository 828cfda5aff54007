#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The kernel module algif_akcipher, installed by DKMS with the commands of hw/kmod/README.md, for the board's kernel. They run
# on this side, as root of a namespace where what they write to is not this machine's; the board loads what they have made.
if [[ -z ${SIGNET_BOARD:-} ]]; then
    . "$(dirname "$0")/../lib.sh"
    version=$(dpkg-query --show --showformat='${Depends}' linux-headers-amd64 | grep -oE '[0-9][^ ]*-amd64' | head -n 1)
    mkdir -p "$T"/{src,dkms,"modules/$version"}
    ln -s "/usr/src/linux-headers-$version" "$T/modules/$version/build"
    touch "$T/modules/$version"/modules.{order,builtin,builtin.modinfo}
    {
        echo "set -ex"
        for folder in /usr/src/linux-*; do
            mkdir "$T/src/${folder##*/}"
            echo "mount --bind $folder $T/src/${folder##*/}"
        done
        echo "mount --rbind $T/src /usr/src"
        echo "mount --bind $T/dkms /var/lib/dkms"
        echo "mount --bind $T/modules /lib/modules"
        echo "dkms() { command dkms \"\$@\" -k $version; }"
        # The README's commands, but for the first.
        sed -n '/^```sh$/,/^```$/{/^```/d;p}' "$ROOT/hw/kmod/README.md" | sed '1{/^apt install dkms linux-headers-amd64$/d}'
        echo "dkms status signet-algif-akcipher"
    } >"$T/install"
    cd "$ROOT" || exit
    namespace=(unshare --mount)
    if ((EUID != 0)); then namespace+=(--map-root-user); fi
    # The root of a chroot is no mount; debian13.sh's is in a namespace of its own already.
    if ! mountpoint -q /; then namespace+=(--propagation unchanged); fi
    check "the README's commands" "${namespace[@]}" bash "$T/install"
    said "^signet-algif-akcipher/.*: installed"
    mkdir "$T/board"
    cp "$T/modules/$version"/updates/dkms/algif_akcipher.ko* "$T/board/"
    check "on the board" "$ROOT/tests/board/board.sh" --no-tpm --no-pka --folder "$T/board" bash "$(realpath "$0")"
    exit
fi
. "$(dirname "$0")/lib.sh"

modprobe af_alg
case $(echo "$SHARED"/algif_akcipher.ko*) in
*.xz) xz -d "$SHARED/algif_akcipher.ko.xz" ;;
esac
insmod "$SHARED/algif_akcipher.ko"
"$BUILD/tests/board/algif_akcipher_test" once
