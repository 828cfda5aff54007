#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Completion: what the program tells (--complete), and bash with it.
. "$(dirname "$0")/../lib.sh"

store_start
check "certificates" signet '/certificate add name=router-one common-name=a; /certificate add name=router-two common-name=b'
complete_line() { signet --complete "$1" | tr '\n' ' '; }
has() { # has WHAT LINE WORD...
    local what=$1 line=$2 word got
    shift 2
    got=" $(complete_line "$line")"
    for word in "$@"; do
        [[ $got == *" $word "* ]] || die "$what: '$line' gives$got, not $word"
    done
    echo "ok: $what"
}
has "menus" '/cert' certificate
has "commands" '/certificate e' export-certificate enable-ssl-certificate
has "properties" '/certificate add key-' key-size= key-usage=
has "values" '/certificate add key-size=sec' secp384r1 secp521r1
has "a list's next value" '/certificate add key-usage=crl-sign,tls-' crl-sign,tls-server crl-sign,tls-client
has "names" '/certificate remove rou' router-one router-two
has "in brackets, of the command's menu" '/certificate remove [fi' find
has "behind brackets" '/certificate set [find where trusted] na' name=
has "behind another command" '/certificate; /lo' log
equal "nothing where nothing fits" "$(complete_line '/certificate zzz')" ''

# ---- bash ----
# shellcheck source=/dev/null
. "$ROOT/tools/signet.bash"
compopt() { :; } # only inside a completion
# try LINE: what bash would offer at its end, words broken as bash breaks them.
try() {
    local word
    COMP_LINE=$1 COMP_POINT=${#1} COMPREPLY=()
    mapfile -t COMP_WORDS < <(sed -E 's/([=:])/\n\1\n/g; s/ +/\n/g' <<<"$1")
    COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
    _signet signet "${COMP_WORDS[COMP_CWORD]}" ''
    TRIED=" ${COMPREPLY[*]} "
}
offers() { # offers LINE WORD
    try "$1"
    [[ $TRIED == *" $2 "* ]] || die "bash, '$1': offers$TRIED, not $2"
    echo "ok: bash: $1 → $2"
}
offers 'signet k' key
offers 'signet key ' make
offers 'signet hw pr' print
offers 'signet --cu' --custody
offers 'signet /cert' /certificate
offers 'signet /certificate ex' export-certificate
offers "signet '/certificate add key-s" key-size=
offers 'signet /certificate remove router-t' router-two
