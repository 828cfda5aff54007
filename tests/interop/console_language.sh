#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The console's language: menus, words, quotes, brackets, conditions, faces of print, errors with their places.
source "$(dirname "$0")/../lib.sh"
store_start
check "some certificates" signet run - <<'END'
/certificate
add name=ca common-name="The \"CA\"" custody=file key-size=prime256v1 key-usage=key-cert-sign,crl-sign days-valid=3650
sign ca
add name=a1 common-name=one.example.com custody=file key-size=prime256v1 days-valid=10 key-usage=tls-server
add name=a2 common-name=two.example.com custody=file key-size=prime256v1 days-valid=20 key-usage=tls-client organization="Two \\ Sons; Ltd"
sign a1 ca=ca; sign a2 ca=ca
add name=template common-name=t
END

# one WHAT COMMAND WANTED: what one command prints.
one() {
    local got
    got=$(signet "$2") || die "$1: exit status $? of: $2"
    equal "$1" "$got" "$3"
}

# ---- menus and words ----
one "a path with blanks" '/certificate print count-only' 4
one "a path with slashes" '/certificate/print count-only' 4
one "words of the shell" '/certificate print count-only where name=a1' 1
equal "several words of the shell" "$(signet /certificate print count-only where common-name="The \"CA\"")" 1
one "abbreviations" '/cert pr count' 4
equal "menus stay, go up, and begin anew" "$(signet run - <<'END'
/certificate
crl
..
print count-only
/ip service; print count-only
..; dns; get verify-doh-cert
/
certificate print count-only
END
)" "$(printf '%s\n' 4 8 no 4)"
equal "a comment, a line that goes on, an empty line" "$(signet run - <<'END'
# nothing
/certificate print \
    count-only \
    where name=a1   

;;
END
)" 1
equal "a line that goes on within quotes" "$(printf '/certificate get a2 "organi\\\n   zation"\n' | signet)" 'Two \ Sons; Ltd'
one "bytes in hexadecimal" '/certificate print count-only where name="\61\31"' 1
one "brackets" '/certificate get [find name=a2] common-name' two.example.com
one "brackets in a value" '/certificate print count-only where common-name=[get a1 common-name]' 1
one "by number" '/certificate get 2 name' a2
one "by id" '/certificate get *3 name' a2
one "find" '/certificate find where name~"^a"' '*2;*3'
one "find without where" '/certificate find name=a1' '*2'
equal "numbers are those of the last print" "$(signet run - <<'END'
/certificate
print brief proplist=name where name~"a2"
get 0 name
END
)" "$(printf '%s\n' 'Flags: K - PRIVATE-KEY; I - INVALID' 'Columns: NAME' '#       NAME' '0 K   I a2' a2)"

# ---- conditions ----
where() { one "where $1" "/certificate print count-only where $1" "$2"; }
where 'name=a1' 1
where 'name!=a1' 3
where 'name = "a1"' 1
where 'name~"^a[12]$"' 2
where 'days-valid<15' 1
where 'days-valid>=20' 3
where 'days-valid>10 and days-valid<=20' 1
where 'name=a1 or name=a2' 2
where 'name=a1 name=a2' 0
where '!(name=a1 or name=a2)' 2
where 'not authority' 3
where 'authority' 1
where '!private-key' 1
where 'K and !A' 2
where 'trusted=no' 4
where 'expired' 0
where 'common-name="The \"CA\""' 1
where 'organization~"Sons; Ltd"' 1

# ---- faces of print ----
one "table" '/certificate print where name=ca' "$(printf '%s\n' 'Flags: K - PRIVATE-KEY; A - AUTHORITY' 'Columns: NAME, COMMON-NAME' '#    NAME  COMMON-NAME' '0 KA ca    The "CA"')"
check "trust" signet '/certificate set ca trusted=yes'
one "flags have their columns" '/certificate print' "$(printf '%s\n' 'Flags: K - PRIVATE-KEY; A - AUTHORITY; T - TRUSTED' \
    'Columns: NAME, COMMON-NAME' '#      NAME      COMMON-NAME' '0 KA T ca        The "CA"' '1 K    a1        one.example.com' \
    '2 K    a2        two.example.com' '3      template  t')"
one "ids" '/certificate print show-ids proplist=name where name=a2' "$(printf '%s\n' 'Flags: K - PRIVATE-KEY' 'Columns: NAME' '#    NAME' '*3 K a2')"
one "terse" '/certificate print terse proplist=name,organization where name~"a"' "$(printf '%s\n' '0 KA T name="ca"' '1 K    name="a1"' '2 K    name="a2" organization="Two \\ Sons; Ltd"' '3      name="template"')"
one "value-list" '/certificate print value-list proplist=name,days-valid where name~"^a"' "$(printf '%s\n' '        name: a1 a2' '  days-valid: 10 20')"
one "as-value" '/certificate print as-value proplist=name,days-valid where name~"^a"' '.id=*2;name=a1;days-valid=10;.id=*3;name=a2;days-valid=20'
one "settings" '/ip dns print proplist=verify-doh-cert' '  verify-doh-cert: no'
signet '/certificate print as-json' >"$T/all.json"
equal "JSON" "$(jq -r '.[] | select(.name == "ca") | [.".id", .["common-name"], .authority, .trusted] | join(" ")' "$T/all.json")" '*1 The "CA" true yes'
equal "JSON of settings" "$(signet '/certificate settings print as-json' | jq -r '."crl-use"')" no
equal "JSON of nothing" "$(signet '/certificate print as-json where name=none' | jq length)" 0
equal "detail can be read back" "$(signet "/certificate print count-only where $(signet '/certificate print detail proplist=organization where name=a2' | grep -o 'organization=.*')")" 1
check "what a terminal would obey is not printed" signet '/certificate add name=esc common-name="\1B[31mred" custody=file'
signet '/certificate print' >"$OUT"
! grep -q $'\e' "$OUT" || die "an escape sequence came out"
check "gone" signet '/certificate remove esc'

# ---- changes ----
check "two at once" signet '/certificate set a1,a2 trust-store=dns'
equal "both" "$(signet '/certificate print count-only where trust-store=dns')" 2
refused "all or none" signet '/certificate set a1,ca days-valid=5'
said "can't be changed: it is signed"
equal "none" "$(signet '/certificate get a1 days-valid')" 10
check "a copy" signet '/certificate add name=copy copy-from=a2 common-name=copy'
equal "what was copied" "$(signet '/certificate get copy organization')" 'Two \ Sons; Ltd'
check "a unique beginning of a name is enough for set" signet '/certificate set templ name=renamed'
said 'taken for template'
refused "but not for remove" signet '/certificate remove renam'
said 'no such item'

# ---- errors ----
wrong() { # wrong COMMAND REGEX...
    local status=0
    signet "$1" >"$OUT" 2>&1 || status=$?
    equal "exit status of: $1" $status 1
    said "${@:2}"
}
wrong '/certificate foo' 'bad command name foo \(line 1 column 14\)'
wrong '/foo' 'bad command name foo \(line 1 column 1\)'
wrong '/certificate s ca' 'ambiguous'
wrong '/certificate print foo' 'no such item \(foo\)'
wrong '/certificate add name=x key-size=17' 'input does not match any value of key-size' '2048'
wrong '/certificate add name=x days-valid=0' 'days-valid is out of range'
wrong '/certificate add name=x days-valid=ten' 'no number'
wrong '/certificate add name=x key-usage=digital-signature,foo' 'key-usage' 'foo'
wrong '/certificate add name=x digest-algorithm=md5' 'broken'
wrong '/certificate add name=x digest-algorithm=sha1' 'broken'
wrong '/certificate add name=x subject-alt-name=example.com' 'DNS:'
wrong '/certificate add name=x subject-alt-name=IP:300.1.1.1' 'IP address'
wrong '/certificate add name=x subject-alt-name="DNS:a b"' 'DNS name'
wrong '/certificate add name=x country=Germany' 'two letters'
wrong '/certificate add name=a1 common-name=x' 'already'
wrong '/certificate add name=x name=y' 'given twice'
wrong '/certificate add name=x foo=y' 'unknown parameter foo \(line 1 column 25\)'
wrong '/certificate sign' 'missing value.* numbers'
wrong '/certificate sign a1,a2' 'one item'
wrong '/certificate sign a1' 'signed already'
wrong '/certificate sign copy ca=a1' 'no CA'
wrong '/certificate sign copy ca=nobody' 'no such item \(nobody\)'
wrong '/certificate import' 'missing value.* file-name'
wrong '/certificate print where foo=1' 'no property or flag foo \(line 1 column 26\)'
wrong '/certificate print where name~"["' 'regular expression'
wrong '/certificate print where (name=a1' 'expected \)'
wrong '/certificate print "' 'quote is not closed \(line 1 column'
wrong '/certificate remove *FFFF' 'no such item'
wrong '/certificate set 99 name=x' 'no such item'
wrong '/ip service remove www' 'bad command name remove'
wrong '/ip service set www port=70000' 'out of range'
wrong '/ip service set www certificate=nobody' 'no such item \(nobody\)'
wrong '/certificate scep-server add ca-cert=ca path=/x request-lifetime=1m' 'out of range \(5m'
wrong '/system resource set uptime=1' 'bad command name set'
printf '/certificate\nprint count-only\nfoo\nprint count-only\n' >"$T/script.rsc"
refused "a script stops at its first error" signet run "$T/script.rsc"
said 'bad command name foo \(line 3 column 1\)' 'script.rsc: stopped at line 3'
equal "what came before was done, what comes after was not" "$(grep -c '^5$' "$OUT")" 1
refused "no such script" signet run "$T/none.rsc"
status=0
signet --nonsense >"$OUT" 2>&1 || status=$?
equal "exit status of a wrong option" $status 2
