#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Installs the Debian packages that the named sets need; the only place that does. Debian 12 and 13.
# Usage: packages.sh SET…    (build demo test fuzz debian13 bench board board_arm64)
# With everything in place it changes nothing and needs no root; otherwise it asks sudo for it.
set -euo pipefail

build=(gcc libc6-dev cmake ninja-build pkg-config libssl-dev libtss2-dev libcunit1-dev libsqlite3-dev libedit-dev
    libjansson-dev libcurl4-openssl-dev libkeyutils-dev libkcapi-dev libevent-dev libc-ares-dev)
demo=("${build[@]}" openssl curl nginx swtpm tpm2-tools)
# shellcheck disable=SC2034 # the sets below are read by name
{
    test=("${demo[@]}" haproxy stunnel4 swtpm-tools tpm2-openssl tpm2-abrmd libtss2-tcti-tabrmd0 dbus-daemon procps
        wrk strace sqlite3 gnutls-bin jq expect mandoc ca-certificates
        pebble python3 iproute2 util-linux xxd bind9 bind9-dnsutils knot uacme dehydrated-hook-ddns-tsig faketime
        scep strongswan-pki libstrongswan-extra-plugins certmonger
        dnsdist openvpn hostapd eapoltest chromium python3-librouteros)
    fuzz=("${build[@]}" clang libclang-rt-dev)
    debian13=(debootstrap git)
    bench=("${demo[@]}" tpm2-openssl binutils easy-rsa lego uacme certbot pebble scep)
    # The emulated router: its kernel is downloaded by tests/board/board.sh and not installed; the headers build modules.
    board=("${test[@]}" qemu-system-x86 busybox-static kmod make linux-headers-amd64 xz-utils keyutils e2fsprogs dkms)
    # Its arm64 brother takes the rest from packages that tests/board/arm64.sh unpacks and does not install.
    board_arm64=("${board[@]}" qemu-system-arm gcc-aarch64-linux-gnu)
}

# Debian 13 has OpenSSL's old algorithms, which old PKCS #12 files use, in a package of their own; and no SoftEther.
if [[ $(. /etc/os-release && echo "${VERSION_ID-}") != 12 ]]; then
    test+=(openssl-provider-legacy)
else
    test+=(softether-vpnserver softether-vpncmd)
fi

# The services among them. Whoever runs the tests did not ask for a web server at the next boot.
services=(nginx.service haproxy.service stunnel4.service tpm2-abrmd.service named.service
    knot.service certbot.timer certmonger.service softether-vpnserver.service dnsdist.service openvpn.service hostapd.service)

die() {
    echo "packages.sh: $*" >&2
    exit 1
}

# The names among the arguments that dpkg does not have installed.
missing() {
    local installed
    # dpkg-query fails on any name it has never heard of, yet lists the rest.
    installed=$(dpkg-query --show --showformat='${db:Status-Status} ${Package}\n' "$@" 2>/dev/null) || :
    comm -13 <(sed -n 's/^installed //p' <<<"$installed" | sort -u) <(printf '%s\n' "$@" | sort -u)
}

enabled_services() {
    if command -v systemctl >/dev/null; then
        # Since systemd 257 it fails if there is none.
        { systemctl --root=/ list-unit-files --no-legend --state=enabled "${services[@]}" || :; } | cut -d' ' -f1 | sort
    fi
}

(($#)) || die "which set? build demo test fuzz debian13 bench board board_arm64"
wanted=()
for set in "$@"; do
    case $set in
    build | demo | test | fuzz | debian13 | bench | board | board_arm64) ;;
    *) die "no such set: $set" ;;
    esac
    declare -n names=$set
    wanted+=("${names[@]}")
done

mapfile -t lacking < <(missing "${wanted[@]}")
((${#lacking[@]})) || exit 0
if ((EUID != 0)); then
    command -v sudo >/dev/null || die "needs root or sudo to install: ${lacking[*]}"
    exec sudo -- "$0" "$@"
fi

echo "Installing ${lacking[*]}"
# Installed servers must not start: policy-rc.d is how Debian's maintainer scripts are told so. One that is there
# already is the machine's own answer.
policy=/usr/sbin/policy-rc.d
if [[ ! -e $policy ]]; then
    trap 'rm -f "$policy"' EXIT
    printf '#!/bin/sh\nexit 101\n' >"$policy"
    chmod 755 "$policy"
fi
before=$(enabled_services)

export DEBIAN_FRONTEND=noninteractive
# A source that cannot be reached is no reason to stop: the installation says whether anything is really missing.
apt-get update -qq || echo "packages.sh: apt-get update failed, trying with the lists at hand" >&2
apt-get install -qq --yes --no-install-recommends \
    -o DPkg::Lock::Timeout=300 -o Dpkg::Use-Pty=0 "${lacking[@]}"

mapfile -t new < <(comm -13 <(echo "$before") <(enabled_services))
if ((${#new[@]})); then
    systemctl disable --quiet "${new[@]}"
fi

mapfile -t lacking < <(missing "${wanted[@]}")
((${#lacking[@]} == 0)) || die "still not installed: ${lacking[*]}"
