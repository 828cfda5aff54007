#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# The board: an emulated router in QEMU (no KVM needed). It boots Debian's own kernel in seconds, has a TPM 2.0 (swtpm
# behind tpm-tis: /dev/tpm0, /dev/tpmrm0), an accelerator for RSA (emulated; see pka/), and this machine's file system as
# its root, with its writes kept apart in memory: programs and libraries are the ones installed here. The arm64 board has
# a root of its own, with this work tree in the same folder as here; see arch/.
#
# Usage: board.sh [OPTION...] [COMMAND...]
# Runs COMMAND as root on the board, in the same folder, with its output and exit status; without one, a shell on this
# terminal. On the board, SIGNET_BOARD is a folder that both sides can write.
#
#   --arch ARCH     amd64, or arm64, for which tests/board/cross_build.sh builds Signet (SIGNET_BOARD_ARCH, or amd64)
#   --prepare       only what needs to be done once: the kernel, the modules, the initramfs, arm64's root
#   --tpm-log       log each command that reaches the TPM, in $SIGNET_BOARD/tpm.commands
#   --no-tpm        a board without a TPM
#   --no-pka        a board without an accelerator
#   --engines N     of the accelerator (2)
#   --depth N       of its queue (32)
#   --cpus N        processors (2)
#   --memory MIB    (1024)
#   --kernel-args A for the kernel's command line
#   --memory-file F what the board's memory is: a file, to be looked at from this side
#   --timeout S     seconds until the board is switched off (600); exit status 124 then
#   --disk FILE     a disk, /dev/vda: what the board has written to it outlives the board, however that ends
#   --folder DIR    $SIGNET_BOARD, kept afterwards; it holds kernel.log, and tpm/, the TPM's state
#
# The power is cut by kill -9 of the process in DIR/qemu.pid.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
depot=$root/build-board # what is prepared once

die() {
    echo "board.sh: $*" >&2
    exit 125
}
progress() { if [[ -t 2 ]]; then echo "board: $*" >&2; fi; }

cpus=2 memory=1024 timeout=600 tpm=yes pka=yes engines=2 depth=32
folder='' disk='' tpm_log='' only_prepare='' kernel_args='' memory_file='' arch=${SIGNET_BOARD_ARCH:-amd64}
while (($#)); do
    case $1 in
    --arch | --cpus | --memory | --timeout | --folder | --disk | --engines | --depth)
        (($# > 1)) || die "$1 needs a value"
        declare "${1#--}=$2"
        shift 2
        ;;
    --kernel-args | --memory-file)
        (($# > 1)) || die "$1 needs a value"
        case $1 in
        --kernel-args) kernel_args=$2 ;;
        --memory-file) memory_file=$2 ;;
        esac
        shift 2
        ;;
    --prepare | --tpm-log | --no-tpm | --no-pka)
        case $1 in
        --prepare) only_prepare=yes ;;
        --tpm-log) tpm_log=yes ;;
        --no-tpm) tpm='' ;;
        --no-pka) pka='' ;;
        esac
        shift
        ;;
    --)
        shift
        break
        ;;
    --help) sed -n '/^# Usage/,/^set/{/^set/d;s/^# \{0,1\}//;p}' "$0" && exit ;;
    -*) die "no such option: $1; see --help" ;;
    *) break ;;
    esac
done
[[ $(uname -m) == x86_64 ]] || die "the boards' modules, and the amd64 board's programs, come from an x86-64 machine"

# ---- once: a kernel, which is unpacked and not installed, and an initramfs ----

# The kernel that Debian's headers on this machine are for: out-of-tree modules are built with them.
release=$(dpkg-query --show --showformat='${Depends}' linux-headers-amd64 2>/dev/null | grep -oE '[0-9][^ ]*-amd64' | head -n 1) ||
    die "linux-headers-amd64 is not installed: tests/packages.sh board"
release=${release%-amd64}
version=$release-$arch
kernel=$depot/kernel-$version
initramfs=$depot/initramfs-$version.gz

# What differs by the processor:
#   emulator=(COMMAND...) console tpm_device     QEMU, the kernel's name of its serial port, QEMU's of the TPM
#   system busybox           the folder that is the board's root, and the busybox for its initramfs
#   modules=(FOLDER...) kbuild=(...)             out-of-tree modules and what make is told for them
#   download PACKAGE         into the folder it is in
#   get_headers FOLDER       the headers of the kernel that is unpacked there, $headers once it is $kernel
#   get_system               makes $system
[[ -e $here/arch/$arch.sh ]] || die "no such architecture: $arch"
# shellcheck source=arch/arm64.sh
. "$here/arch/$arch.sh"

# unpack PACKAGE FOLDER
unpack() {
    (cd "$2" && download "$1" 2>log) || { cat "$2/log" >&2 && die "$1 can't be downloaded"; }
    dpkg -x "$2/$1"_*.deb "$2"
    rm "$2"/*.deb "$2/log"
}

get_kernel() {
    local new=$kernel.new
    rm -rf "$new"
    mkdir -p "$new"
    progress "getting Debian's kernel $version"
    unpack "linux-image-$version" "$new"
    # Debian 13 has /usr/lib/modules
    [[ -d $new/lib/modules ]] || ln -s usr/lib "$new/lib"
    get_headers "$new"
    /sbin/depmod -b "$new" "$version"
    mv "$new" "$kernel"
}

# What it takes to mount the root, busybox, and init. In the order in which modules are to be loaded.
make_initramfs() {
    local work file n=100
    work=$(mktemp -d "$depot/initramfs.XXXXXX")
    mkdir -p "$work"/{bin,dev,proc,sys,modules,root}
    cp "$busybox" "$work/bin/busybox"
    cp "$here/init" "$work/init"
    while read -r file; do
        n=$((n + 1))
        case $file in
        *.xz) xz -dc "$file" >"$work/modules/$n.ko" ;;
        *.zst) zstd -qdc "$file" >"$work/modules/$n.ko" ;;
        *) cp "$file" "$work/modules/$n.ko" ;;
        esac
    done < <(for module in virtio_pci virtio_console 9p 9pnet_virtio overlay; do
        /sbin/modprobe --dirname "$kernel" --set-version "$version" --show-depends "$module" || exit
    done | awk '$1 == "insmod" && !seen[$2]++ { print $2 }')
    ((n > 102)) || die "the modules for the initramfs were not found in $kernel"
    (cd "$work" && find . | busybox cpio -o -H newc 2>/dev/null | gzip -1) >"$initramfs.new"
    mv "$initramfs.new" "$initramfs"
    rm -rf "$work"
}

# Signet's own module and the driver of the emulated accelerator, where modprobe finds them.
build_modules() {
    local source build stamp=$depot/modules-$version
    if [[ -e $stamp && -z $(cd "$root" && find "${modules[@]}" -newer "$stamp") ]]; then return; fi
    mkdir -p "$kernel/lib/modules/$version/extra"
    for source in "${modules[@]}"; do
        build=$depot/modules-build/${source##*/}
        rm -rf "$build"
        mkdir -p "$build"
        cp -R "$root/$source/." "$build"
        progress "building the kernel modules of $source"
        make -s -C "$headers" "${kbuild[@]}" M="$build" modules >"$build/log" 2>&1 ||
            { cat "$build/log" >&2 && die "the modules of $source can't be built"; }
        cp "$build"/*.ko "$kernel/lib/modules/$version/extra/"
    done
    /sbin/depmod -b "$kernel" "$version"
    touch "$stamp"
}

prepare() {
    local lock
    mkdir -p "$depot"
    exec {lock}>"$depot/lock"
    flock "$lock"
    get_system
    [[ -d $kernel ]] || get_kernel
    [[ $initramfs -nt $here/init && $initramfs -nt $here/board.sh ]] || make_initramfs
    build_modules
    exec {lock}>&-
}
prepare
if [[ $only_prepare ]]; then exit 0; fi

# ---- a run ----

pids=()
made_folder=
# shellcheck disable=SC2317 # called by the trap
cleanup() {
    local status=$? pid
    for pid in "${pids[@]}"; do kill "$pid" 2>/dev/null || :; done
    wait
    if [[ $made_folder ]]; then rm -rf "$folder"; fi
    exit "$status"
}
trap cleanup EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

if [[ $folder ]]; then
    mkdir -p "$folder"
    folder=$(cd "$folder" && pwd)
else
    folder=$(mktemp -d "${TMPDIR:-/tmp}/signet-board.XXXXXX")
    made_folder=yes
fi
rm -f "$folder"/{pka.socket,silicon.socket,qemu.pid,status,stdout,stderr,kernel.log,command}

# wait_for WHAT FILE
wait_for() {
    local n
    for ((n = 0; n < 200; n++)); do
        if [[ -e $2 ]]; then return; fi
        sleep 0.05
    done
    die "$1 does not start"
}

arguments=(-accel "tcg,thread=multi" -smp "$cpus" -m "$memory" -no-reboot -display none -nodefaults -monitor none
    -pidfile "$folder/qemu.pid"
    -kernel "$kernel/boot/vmlinuz-$version" -initrd "$initramfs"
    -serial "file:$folder/kernel.log"
    -virtfs "local,path=$system,mount_tag=root,security_model=none,readonly=on,multidevs=remap"
    -virtfs "local,path=$folder,mount_tag=board,security_model=none"
    -device virtio-serial-pci)
append="console=$console quiet panic=-1 board.kernel=$kernel $kernel_args"
if [[ $system != / ]]; then
    [[ $PWD/ == "$root"/* ]] || die "the $arch board has this work tree only, and not $PWD"
    append+=" board.tree=$root"
    arguments+=(-virtfs "local,path=$root,mount_tag=tree,security_model=none,readonly=on,multidevs=remap")
fi
arguments+=(-append "$append")

if [[ $memory_file ]]; then
    arguments+=(-object "memory-backend-file,id=memory,size=${memory}M,mem-path=$memory_file,share=on"
        -machine memory-backend=memory)
fi

if [[ $tpm ]]; then
    mkdir -p "$folder/tpm"
    rm -f "$folder/tpm.socket"
    log=()
    if [[ $tpm_log ]]; then log=(--log "file=$folder/tpm.commands,level=20"); fi
    # An openssl.cnf with signet in it is not for the TPM itself.
    OPENSSL_CONF=/dev/null swtpm socket --tpm2 --tpmstate "dir=$folder/tpm" \
        --ctrl "type=unixio,path=$folder/tpm.socket" --flags startup-clear "${log[@]}" >"$folder/swtpm.log" 2>&1 &
    pids+=($!)
    wait_for swtpm "$folder/tpm.socket"
    arguments+=(-chardev "socket,id=tpm,path=$folder/tpm.socket" -tpmdev "emulator,id=tpm,chardev=tpm"
        -device "$tpm_device,tpmdev=tpm")
fi

if [[ $pka ]]; then
    silicon=$(realpath "${SIGNET_BUILD:-$root/build}")/tests/board/silicon
    [[ -x $silicon ]] || die "$silicon is missing: build first, or set SIGNET_BUILD"
    "$silicon" --socket "$folder/pka.socket" --control "$folder/silicon.socket" \
        --engines "$engines" --depth "$depth" 2>"$folder/silicon.log" &
    pids+=($!)
    wait_for "the silicon" "$folder/pka.socket"
    arguments+=(-chardev "socket,id=pka-bus,path=$folder/pka.socket"
        -device "ivshmem-doorbell,id=pka,chardev=pka-bus,vectors=1"
        -chardev "socket,id=silicon,path=$folder/silicon.socket"
        -device "virtserialport,chardev=silicon,name=silicon")
fi

if [[ $disk ]]; then
    # unsafe: of no consequence, as this machine's power is not what is cut.
    arguments+=(-drive "if=none,id=disk,format=raw,cache=unsafe,file=$disk" -device "virtio-blk-pci,drive=disk")
fi

cp "$here/start" "$folder/start"
# What the board is to run: the caller's folder, environment and words.
{
    # Not the names of folders that are the board's own.
    while IFS= read -r -d '' variable; do
        case $variable in
        PATH=* | PWD=* | OLDPWD=* | SHLVL=* | _=* | TMPDIR=* | SIGNET_BOARD=* | BASH_FUNC_*) ;;
        *) printf 'export %q=%q\n' "${variable%%=*}" "${variable#*=}" ;;
        esac
    done < <(env -0)
    printf 'export SIGNET_BOARD=/run/board\n'
    # What is to be tested is built for the board.
    if [[ $arch != amd64 ]]; then printf 'export SIGNET_BUILD=%q\n' "$root/build-$arch"; fi
    # sbin, too: one is root there
    printf 'export PATH=%q:/usr/local/sbin:/usr/sbin:/sbin\n' "$PATH"
    printf 'cd %q\n' "$PWD"
    if (($#)); then printf 'exec'; fi
    printf ' %q' "$@"
    echo
} >"$folder/command"

if (($#)); then
    mkfifo "$folder/stdout" "$folder/stderr"
    cat "$folder/stdout" &
    readers=($!)
    cat "$folder/stderr" >&2 &
    readers+=($!)
    arguments+=(-chardev "file,id=stdout,path=$folder/stdout" -device "virtserialport,chardev=stdout,name=stdout"
        -chardev "file,id=stderr,path=$folder/stderr" -device "virtserialport,chardev=stderr,name=stderr")
    status=0
    timeout --foreground -k 5 "$timeout" "${emulator[@]}" "${arguments[@]}" </dev/null 2>"$folder/qemu.log" ||
        status=$?
    # Whatever the board has written is read; the pipes' writers have gone with QEMU.
    if ! [[ -s $folder/status ]]; then pids+=("${readers[@]}"); else wait "${readers[@]}"; fi
    if ((status == 124 || status == 137)); then
        echo "board.sh: switched off after $timeout seconds" >&2
        exit 124
    fi
else
    arguments+=(-chardev "stdio,id=terminal,signal=off" -device "virtconsole,chardev=terminal")
    "${emulator[@]}" "${arguments[@]}" || :
fi
if ! [[ -s $folder/status ]]; then
    cat "$folder/qemu.log" >&2 2>/dev/null || :
    tail -n 40 "$folder/kernel.log" >&2 || :
    die "the board has died; the end of its kernel's log is above"
fi
exit "$(<"$folder/status")"
