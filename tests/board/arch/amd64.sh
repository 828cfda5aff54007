# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash disable=SC2034,SC2154 # for and from board.sh
#
# A PC like this machine, whose programs it runs.
emulator=(qemu-system-x86_64 -machine pc -cpu max)
console=ttyS0 tpm_device=tpm-tis
system=/ busybox=$(command -v busybox)
headers=/usr/src/linux-headers-$version
modules=(hw/kmod tests/board/pka)
kbuild=()

download() { apt-get download -qq "$1"; }
get_headers() { :; }
get_system() { :; }
