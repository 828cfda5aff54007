#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Runs a file of acme.sh's dnsapi/, for dns-01: those files are functions that build upon acme.sh's own, whose names
# and meanings are found here again.
# Usage: dnsapi.bash add|rm FILE FULLDOMAIN VALUE
#
# The file is dns_NAME.sh and has the functions dns_NAME_add and dns_NAME_rm. Its settings (CF_Token, NSUPDATE_KEY …)
# come from the environment; what it asks to be kept goes into $SIGNET_DNSAPI_HOME, a folder, for the next time.
# DEBUG=1 lets it tell more.
umask 077

_info() { echo "$1${2:+='$2'}" >&2; }
_err() {
    _info "$@"
    return 1
}

action=${1-} file=${2-} domain=${3-} value=${4-}
name=${file##*/}
name=${name%.sh}
if [[ $# != 4 || $action != @(add|rm) || ! $name =~ ^dns_[A-Za-z0-9_]+$ ||
    ! $domain =~ ^[A-Za-z0-9._-]+$ || ! $value =~ ^[A-Za-z0-9_-]+$ ]]; then
    _err "usage: dnsapi.bash add|rm …/dns_NAME.sh FULLDOMAIN VALUE"
    exit 2
fi
[ -r "$file" ] || {
    _err "$file can't be read"
    exit 2
}

temporary=$(mktemp -d) || exit 1
trap 'rm -rf "$temporary"' EXIT
kept=${SIGNET_DNSAPI_HOME:-}
if [ -n "$kept" ] && ! mkdir -p "$kept"; then
    exit 1
fi

# What such files look at.
export HTTP_HEADER=$temporary/http.header
export LE_WORKING_DIR=${kept:-$temporary} LE_CONFIG_HOME=${kept:-$temporary} DOMAIN_PATH=${kept:-$temporary}
export ACCOUNT_CONF_PATH=$LE_CONFIG_HOME/account.conf DOMAIN_CONF=$DOMAIN_PATH/$domain.conf
export USER_AGENT=signet-dnsapi PROJECT_NAME=signet

# ---- messages ----

_log() { :; }
_debug() { [ -z "${DEBUG:-}" ] || _info "$@"; }
_debug2() { [[ ! ${DEBUG:-0} =~ ^[2-9]$ ]] || _info "$@"; }
_debug3() { [[ ! ${DEBUG:-0} =~ ^[3-9]$ ]] || _info "$@"; }
# Of secrets nothing is told but that they are there.
_secure_debug() { _debug "$1" "${2:+(hidden)}"; }
_secure_debug2() { _debug2 "$1" "${2:+(hidden)}"; }
_secure_debug3() { _debug3 "$1" "${2:+(hidden)}"; }
__green() { printf -- '%b' "$1"; }
__red() { printf -- '%b' "$1"; }
_usage() { _err "$@"; }

# ---- settings that are kept: lines KEY=VALUE, the value in base64, so that none of it is ever taken for shell ----

_read_conf() {
    local line
    [ -r "$1" ] || return 0
    while IFS= read -r line; do
        if [ "${line%%=*}" = "$2" ]; then
            base64 -d <<<"${line#*=}"
            return
        fi
    done <"$1"
}
_clear_conf() {
    local new
    [ -e "$1" ] || return 0
    new=$(mktemp "$1.XXXXXX") || return 1
    awk -v key="$2" 'index($0, key "=") != 1' "$1" >"$new" && mv "$new" "$1"
}
_save_conf() {
    [[ $2 =~ ^[A-Za-z0-9_]+$ ]] || return 1
    _clear_conf "$1" "$2" && printf '%s=%s\n' "$2" "$(printf '%s' "${3-}" | base64 -w 0)" >>"$1"
}

_readaccountconf() { _read_conf "$ACCOUNT_CONF_PATH" "$1"; }
_saveaccountconf() { _save_conf "$ACCOUNT_CONF_PATH" "$1" "${2-}"; }
_clearaccountconf() { _clear_conf "$ACCOUNT_CONF_PATH" "$1"; }
# The mutable ones stand under another name, so that the environment's may differ.
_readaccountconf_mutable() {
    local saved
    saved=$(_readaccountconf "SAVED_$1")
    printf '%s' "${saved:-$(_readaccountconf "$1")}"
}
_saveaccountconf_mutable() { _saveaccountconf "SAVED_$1" "${2-}" && _clearaccountconf "$1"; }
_clearaccountconf_mutable() { _clearaccountconf "SAVED_$1" && _clearaccountconf "$1"; }
_readdomainconf() { _read_conf "$DOMAIN_CONF" "$1"; }
_savedomainconf() { _save_conf "$DOMAIN_CONF" "$1" "${2-}"; }
_cleardomainconf() { _clear_conf "$DOMAIN_CONF" "$1"; }
_savedeployconf() { _savedomainconf "SAVED_$1" "${2-}"; }
_cleardeployconf() { _cleardomainconf "SAVED_$1"; }
_getdeployconf() {
    local saved
    [[ $1 =~ ^[A-Za-z_][A-Za-z0-9_]*$ ]] || return 1
    if [ -z "${!1-}" ]; then
        saved=$(_readdomainconf "SAVED_$1")
        printf -v "$1" '%s' "$saved"
    fi
    export "${1?}"
}

# ---- text ----

# Some files give patterns here, so these are patterns.
_contains() { grep -q -- "$2" <<<"$1"; }
_startswith() { grep -q -- "^$2" <<<"$1"; }
_endswith() { grep -q -- "$2\$" <<<"$1"; }
_egrep_o() { grep -oE -- "$1"; }
_lower_case() { tr '[:upper:]' '[:lower:]'; }
_upper_case() { tr '[:lower:]' '[:upper:]'; }
_head_n() { head -n "$1"; }
_tail_n() { tail -n "$1"; }
_tail_c() { tail -c "$1"; }
_getfield() { cut -d "${3:-,}" -f "$2" <<<"$1"; }
_hasfield() {
    local separator=${3:-,}
    [ -z "${3-}" ] && [[ $1 != *,* ]] && separator=' '
    [[ $separator$1$separator == *"$separator$2$separator"* ]]
}
# What a server sends may come to stand in such a term, and bash's arithmetic runs commands.
_math() {
    local term="$*"
    [[ $term =~ ^[0-9+*/%()\ -]+$ ]] || return 1
    printf '%s' "$((term))"
}

_hex_dump() { od -A n -v -t x1 | tr -d '\r\n\t'; }
_ascii_hex() { _hex_dump; }
_hex() { printf '%s' "$1" | _hex_dump | tr -d ' '; }
_h2b() { printf '%b' "$(tr -d ' \r\n' | sed 's/../\\x&/g')"; }
_base64() { if [ -n "${1-}" ]; then base64 -w 64; else base64 -w 0; fi; }
_dbase64() { base64 -d; }
_url_replace() { tr '/+' '_-' | tr -d '= '; }
_durl_replace_base64() {
    local text
    text=$(tr '_-' '/+')
    while ((${#text} % 4)); do text+='='; done
    printf '%s' "$text"
}
# Hexadecimal digits are small, unless there is an argument.
_url_encode() {
    od -A n -v -t u1 -w1 | awk -v digits="${1:+X}" '{
        c = sprintf("%c", $1 + 0)
        if ($1 < 128 && c ~ /[A-Za-z0-9._~-]/) printf "%s", c
        else printf digits == "X" ? "%%%02X" : "%%%02x", $1
    }'
}
_url_decode() {
    local text
    text=$(cat)
    text=${text//\\/\\\\}
    printf '%b' "$(sed -E 's/%([0-9A-Fa-f]{2})/\\x\1/g' <<<"$text")"
}
_json_encode() { awk '{ gsub(/\\/, "\\\\"); gsub(/"/, "\\\""); gsub(/\t/, "\\t"); printf "%s%s", (NR > 1 ? "\\n" : ""), $0 }'; }
_json_decode() { sed -e 's/\\"/"/g' -e 's,\\/,/,g' -e 's/\\\\/\\/g'; }
# One line, nothing between a name, its colon and its value.
_normalizeJson() { sed -E -e 's/^[[:blank:]]+//' -e 's/"[[:blank:]]*:[[:blank:]]*/":/g' | tr -d '\r\n'; }

# ---- time, files, the system ----

_utc_date() { date -u '+%Y-%m-%d %H:%M:%S'; }
_time() { date -u +%s; }
_date2time() { date -u -d "$1" +%s; }
_sleep() { sleep "$1"; }
_exists() { command -v "$1" >/dev/null; }
_mktemp() { mktemp "$temporary/XXXXXX"; }
_idn() {
    if LC_ALL=C grep -q '[^ -~]' <<<"$1" && _exists idn; then idn --quiet "$1"; else printf '%s' "$1"; fi
}
_isIPv4() { [[ $1 =~ ^[0-9]{1,3}(\.[0-9]{1,3}){3}$ ]]; }
_isIPv6() { [[ $1 == *:* && $1 =~ ^[0-9A-Fa-f:.]+$ ]]; }
_is_solaris() { return 1; }

# ---- cryptography ----

_binary_or_hex() { if [ -n "$1" ]; then _hex_dump | tr -d ' '; else _base64; fi; }
# ALGORITHM [hex] of standard input.
_digest() {
    case $1 in sha1 | sha256 | sha384 | sha512 | md5) ;; *) return 1 ;; esac
    openssl dgst "-$1" -binary | _binary_or_hex "${2-}"
}
# ALGORITHM KEY-IN-HEX [hex]
_hmac() {
    case $1 in sha1 | sha256 | sha384 | sha512 | md5) ;; *) return 1 ;; esac
    openssl dgst "-$1" -mac HMAC -macopt "hexkey:$2" -binary | if [ -n "${3-}" ]; then _hex_dump | tr -d ' '; else cat; fi
}
# FILE ALGORITHM
_sign() { openssl dgst -sign "$1" "-$2" | _base64; }

# ---- HTTP ----

_inithttp() { :; }
_resethttp() { :; }

# curl's own configuration: headers are secrets, which the list of processes would show.
_http_config() {
    local header
    for header in "${_H1-}" "${_H2-}" "${_H3-}" "${_H4-}" "${_H5-}" "$@"; do
        header=${header//[$'\r\n']/}
        header=${header//\\/\\\\}
        [ -z "$header" ] || printf 'header = "%s"\n' "${header//\"/\\\"}"
    done
}
_http() {
    local status
    : >"$HTTP_HEADER"
    curl --silent --show-error --location --globoff --connect-timeout 15 --proto '=http,https' --proto-redir '=https' \
        --user-agent "$USER_AGENT" --dump-header "$HTTP_HEADER" "$@"
    status=$?
    [ $status = 0 ] || _debug "curl's exit status" $status
    return $status
}
# URL [ONLY-HEADER [SECONDS]]
_get() {
    local options=(--max-time "${3:-60}")
    [ -z "${2-}" ] || options+=(--head)
    _http "${options[@]}" --config <(_http_config) -- "$1"
}
# BODY URL [BASE64 [METHOD [CONTENT-TYPE]]]: the answer, in base64 if that is asked for.
_post() {
    local options=(--max-time 60 --request "${4:-POST}")
    if [ "${4-}" = HEAD ]; then options+=(--head); else options+=(--data-binary @-); fi
    printf '%s' "$1" | _http "${options[@]}" --config <(_http_config "${5:+Content-Type: $5}") -- "$2" |
        if [ -n "${3-}" ]; then _base64; else cat; fi
    return "${PIPESTATUS[1]}"
}

# ---- the file ----

# shellcheck disable=SC1090 # the user's
. "$file" || exit 1
if ! declare -F "${name}_$action" >/dev/null; then
    _err "$file has no function ${name}_$action"
    exit 2
fi
"${name}_$action" "$domain" "$value"
