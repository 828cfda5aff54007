#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The manual pages: sound, and signet(1) tells every menu, command and property that the console knows.
. "$(dirname "$0")/../lib.sh"

store_start
page=$BUILD/tools/signet.1
for file in "$page" "$ROOT/provider/signet.7" "$ROOT/tools/signetd/signetd.8" \
    "$ROOT/tools/bindings/signet-bindings.5"; do
    check "${file##*/}" mandoc -T lint -W warning "$file"
done
# Without what makes words bold on a line printer.
mandoc -T ascii "$page" | sed 's/.\x08//g' >"$T/page"

# section MENU: its part of the page.
section() { awk -v menu="$1" '/^   [^ ]/ { on = $1 == menu && NF == 1 } /^[A-Z]/ { on = 0 } on' "$T/page"; }
# "numbers", the items that a command works on, is explained once for all.
words() { sed -n '2,$s/^  \([a-z][^ ]*\) .*/\1/p' "$OUT" | grep -vx numbers; }
mapfile -t menus < <(awk '/^MENUS/ { on = 1; next } /^[A-Z]/ { on = 0 } on && /^   \// { print $1 }' "$T/page")
[ ${#menus[@]} -gt 10 ] || die "the page has only these menus: ${menus[*]}"
properties=0
for menu in "${menus[@]}"; do
    signet "$menu ?" >"$OUT"
    section "$menu" >"$T/section"
    mapfile -t commands < <(words)
    for command in "${commands[@]}"; do
        if [[ " ${menus[*]} " == *" $menu/$command "* ]]; then continue; fi
        grep -qw -- "$command" "$T/section" || die "signet(1), $menu: no $command"
        signet "$menu $command ?" >"$OUT" || die "$menu $command ?"
        while read -r property; do
            # What all print and find commands share is told at the beginning.
            grep -qw -- "${property%=}" "$([[ $command == @(print|find) ]] && echo "$T/page" || echo "$T/section")" || die "signet(1), $menu $command: no $property"
            properties=$((properties + 1))
        done < <(words)
    done
done
[ $properties -gt 150 ] || die "only $properties properties: this test sees nothing"
echo "ok: ${#menus[@]} menus, $properties properties"
# Every menu that can be reached is a section.
walk() {
    local line word
    signet "$1 ?" >"$OUT" || return 0
    mapfile -t line < <(words)
    for word in "${line[@]}"; do
        if signet "${1%/}/$word ?" >"$OUT" 2>/dev/null && head -1 "$OUT" | grep -q "^${1%/}/$word: "; then
            if ! [[ $(sed -n '$p' "$OUT") == *'the menu above'* ]]; then continue; fi
            grep -q "^   ${1%/}/" "$T/page" || die "signet(1) has no menu ${1%/}/$word"
            walk "${1%/}/$word"
        fi
    done
}
walk /
for option in $("$BUILD/tools/signet" --help | grep -oE -- '--[a-z-]+'); do
    grep -q -- "$option" "$T/page" || die "signet(1) has no $option"
done
echo "ok: options"
