#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Builds this tree and runs its tests on Debian 13 (OpenSSL 3.5, tpm2-tss 4.1), in a chroot below build-debian13/.
# Usage: debian13.sh    (as root; ./dev test calls it so)
# The results are left in build-debian13/results.xml (JUnit). The chroot is made once and kept; remove build-debian13/
# for a new one.
set -euo pipefail

source=$(cd "$(dirname "$0")/.." && pwd)
work=$source/build-debian13
root=$work/root
complete=$work/root-complete # stands beside the chroot once debootstrap has ended well

die() {
    echo "debian13.sh: $*" >&2
    exit 1
}
((EUID == 0)) || die "needs root: a chroot is made and entered"

case ${1-} in
'')
    # Everything runs in mount and process namespaces of its own: whatever is mounted, and every server a test has
    # left behind, ends with this script, however that ends.
    mkdir -p "$work"
    rm -f "$work/results.xml"
    exec unshare --mount --pid --fork --kill-child -- "$source/tests/debian13.sh" namespace
    ;;
namespace) ;; # the rest of this file
chroot)
    cd "$source"
    tests/packages.sh build test board
    # The arm64 board: cross-built on the machine that this chroot is on.
    cmake --preset ci -DSIGNET_BOARD_ARM64=OFF
    cmake --build --preset ci
    exec ctest --test-dir build --output-on-failure --no-tests=error -j "$(nproc)" --output-junit results.xml
    ;;
*) die "takes no argument" ;;
esac

# One run at a time: the chroot is shared.
exec {lock}>"$work/lock"
flock --nonblock "$lock" || die "another run is using $root"

make_root() {
    # Mounts below it would be somebody else's doing (the namespace above hides ours from them), and must not be emptied.
    ! grep -qF " $root/" /proc/self/mountinfo || die "something is mounted below $root"
    rm -rf --one-file-system -- "$root" "$complete"
    debootstrap --variant=minbase trixie "$root"

    # How this machine reaches its packages: proxies and the like, and no hooks of packages that are not in there.
    apt-config dump | grep -E '^Acquire::(http|https|Retries|ForceIPv[46]|Check-)' >"$root/etc/apt/apt.conf.d/99host" || :
    # A chroot that can be made again needs neither fsync nor a cache of what it installed.
    echo force-unsafe-io >"$root/etc/dpkg/dpkg.cfg.d/unsafe-io"
    echo 'Binary::apt-get::APT::Keep-Downloaded-Packages "false";' >"$root/etc/apt/apt.conf.d/99no-cache"
    touch "$complete"
}

# The files git knows or would add, as they are in the work tree now.
copy_source() {
    rm -rf --one-file-system "$root/src"
    mkdir "$root/src"
    # safe.directory: the tree may belong to the user who called sudo.
    git -C "$source" -c safe.directory="$source" ls-files -z --cached --others --exclude-standard |
        while IFS= read -r -d '' file; do
            # one that was removed and not yet committed is still in the index
            if [[ -e $source/$file || -L $source/$file ]]; then printf '%s\0' "$file"; fi
        done |
        tar -C "$source" --create --no-recursion --null --files-from=- |
        tar -C "$root/src" --extract --no-same-owner
}

[[ -e $complete ]] || make_root
copy_source
for file in resolv.conf hosts; do
    if [[ -e /etc/$file ]]; then cp -L --remove-destination "/etc/$file" "$root/etc/$file"; fi
done
# unshare --mount, inside, wants a root that is a mount point.
mount --bind "$root" "$root"
mount -t proc proc "$root/proc"
mount -t devpts -o newinstance,ptmxmode=0666,mode=0620,gid=5 devpts "$root/dev/pts"
mount --bind "$root/dev/pts/ptmx" "$root/dev/ptmx"
mount -t tmpfs -o mode=1777 tmpfs "$root/dev/shm"

# Of the caller's environment only the way to the packages goes in; the rest names files that are not in there.
environment=(PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin HOME=/root LC_ALL=C.UTF-8)
for name in http_proxy https_proxy no_proxy; do
    if [[ ${!name-} ]]; then environment+=("$name=${!name}"); fi
done
status=0
env -i "${environment[@]}" chroot "$root" /src/tests/debian13.sh chroot </dev/null || status=$?
if [[ -e $root/src/build/results.xml ]]; then cp "$root/src/build/results.xml" "$work/results.xml"; fi
exit "$status"
