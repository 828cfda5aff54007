#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The kernel module algif_akcipher, installed by DKMS with the commands of hw/kmod/README.md. Whatever they write, they write
# on the board.
# shellcheck disable=SC2034 # for lib.sh
BOARD=(--timeout 850 --no-tpm --no-pka)
. "$(dirname "$0")/lib.sh"

# A kernel with few modules, as depmod reads them all; none of them ours. "build" is what Debian's headers put there.
modules=/lib/modules/$(uname -r)
mkdir -p "$T/modules/kernel"
cp "$modules"/modules.{order,builtin,builtin.modinfo} "$T/modules/"
cp -r "$modules/kernel/crypto" "$T/modules/kernel/"
ln -s "/usr/src/linux-headers-$(uname -r)" "$T/modules/build"
mount --bind "$T/modules" "$modules"
depmod
refused "without the module" modprobe algif_akcipher

mapfile -t commands < <(sed -n '/^```sh$/,/^```$/{/^```/d;p}' "$ROOT/hw/kmod/README.md")
[[ ${commands[0]} == "apt install dkms linux-headers-amd64" ]] || die "the README's first command is: ${commands[0]}"
cd "$ROOT"
for command in "${commands[@]:1}"; do
    check "$command" bash -c "$command"
done
version=$(sed -n 's/^PACKAGE_VERSION="\(.*\)"$/\1/p' hw/kmod/dkms.conf)
check "dkms status" dkms status "signet-algif-akcipher/$version"
said "installed"
check "modinfo" modinfo -k "$(uname -r)" algif_akcipher
said "filename:.*/updates/dkms/algif_akcipher"
check "bind() loads what DKMS has installed" "$BUILD/tests/board/algif_akcipher_test" once
grep -q '^algif_akcipher ' /proc/modules || die "the module is not loaded"
check "removed again" dkms remove "signet-algif-akcipher/$version" --all
rmmod algif_akcipher
refused "without the module" modprobe algif_akcipher
