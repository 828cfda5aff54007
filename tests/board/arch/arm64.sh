# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash disable=SC2034,SC2154 # for and from board.sh
#
# An arm64 machine. Its root is a folder of Debian packages, unpacked and not configured, which the cross compiler takes
# for its sysroot as well (arm64.cmake). This machine's own packages, and its list of architectures, stay as they are.
emulator=(qemu-system-aarch64 -machine virt -cpu cortex-a72)
console=ttyAMA0 tpm_device=tpm-tis-device
system=$depot/system-$arch busybox=$depot/system-$arch/bin/busybox
headers=$kernel/usr/src/linux-headers-$version
# Debian's kernel for arm64 has no driver of QEMU's TPM.
modules=(hw/kmod tests/board/pka tests/board/tis)
kbuild=(CROSS_COMPILE=aarch64-linux-gnu-)

packages=(base-files base-passwd bash dash libc-bin coreutils diffutils findutils grep sed mawk util-linux mount procps
    kmod gzip busybox-static openssl curl nginx swtpm tpm2-tools tpm2-openssl keyutils jq cmake libc6-dev libssl-dev
    libtss2-dev libcunit1-dev libsqlite3-dev libedit-dev libjansson-dev libcurl4-openssl-dev libkeyutils-dev
    libkcapi-dev libevent-dev libc-ares-dev)

apt_is_ready=
# apt_arm64 COMMAND...: apt-get with this machine's sources, and an arm64 machine with nothing installed.
apt_arm64() {
    local folder=$depot/apt-$arch
    if [[ ! $apt_is_ready ]]; then
        mkdir -p "$folder"/{lists,archives}/partial
        : >"$folder/status"
        printf '%s;\n' "APT::Architecture \"$arch\"" "APT::Architectures { \"$arch\"; }" "Dir::State \"$folder\"" \
            "Dir::State::status \"$folder/status\"" "Dir::Cache \"$folder\"" 'Debug::NoLocking "true"' \
            'APT::Sandbox::User ""' >"$folder/conf"
        # A source that cannot be reached is no reason to stop: the download says whether anything is really missing.
        APT_CONFIG=$folder/conf apt-get update -qq || echo "apt-get update failed, trying with the lists at hand" >&2
        apt_is_ready=yes
    fi
    APT_CONFIG=$folder/conf apt-get -qq "$@"
}

download() { apt_arm64 download "$1"; }

# The scripts that go with them are programs for arm64; those of this machine's own headers do the same.
get_headers() {
    local part folder=$1/usr/src/linux-headers-$version
    unpack "linux-headers-$version" "$1"
    for part in scripts tools; do
        ln -sfn "$(realpath "/usr/src/linux-headers-$release-amd64/$part")" "$folder/$part"
    done
}

get_system() {
    local new=$system.new archives=$depot/apt-$arch/archives file
    if [[ -e $system.packages && $(<"$system.packages") == "${packages[*]}" ]]; then return; fi
    progress "getting Debian's packages for $arch"
    rm -rf "$system" "$system.packages" "$new"
    mkdir -p "$new"/usr/{bin,sbin,lib}
    for file in bin sbin lib; do ln -s "usr/$file" "$new/$file"; done
    rm -f "$archives"/*.deb
    apt_arm64 install --yes --download-only --no-install-recommends "${packages[@]}" >"$new.log" 2>&1 ||
        { cat "$new.log" >&2 && die "the packages for $arch can't be downloaded"; }
    for file in "$archives"/*.deb; do
        dpkg-deb --fsys-tarfile "$file" | tar -x -C "$new" --keep-directory-symlink --no-same-owner --no-same-permissions \
            --exclude='./usr/share/doc/*' --exclude='./usr/share/man/*' --exclude='./usr/share/locale/*'
    done
    # The parts of the packages' own scripts that are needed.
    ln -s mawk "$new/usr/bin/awk"
    for file in passwd group; do cp "$new/usr/share/base-passwd/$file.master" "$new/etc/$file"; done
    echo 'tss:x:100:101::/var/lib/tpm:/usr/sbin/nologin' >>"$new/etc/passwd"
    echo 'tss:x:101:' >>"$new/etc/group"
    echo '127.0.0.1 localhost board' >"$new/etc/hosts"
    echo 'hosts: files' >"$new/etc/nsswitch.conf"
    # The linker's names of libraries lead out of the sysroot.
    find "$new"/usr/lib/*-linux-gnu -name '*.so' -lname '/lib/*' -printf '%l %p\n' |
        while read -r target file; do ln -sf "${target##*/}" "$file"; done
    mv "$new" "$system"
    echo "${packages[*]}" >"$system.packages"
    rm -f "$archives"/*.deb "$new.log"
}
