#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The console at a terminal: prompt, menus, help, completion, history, Ctrl-C, colours.
. "$(dirname "$0")/../lib.sh"

tpm_start
store_start
export TERM=xterm
check "a certificate" signet '/certificate add name=some-name common-name=some-name key-size=prime256v1; /certificate sign some-name'

# at_terminal SCRIPT: an expect script; `see` waits for text, `say` types it. What the terminal showed is in $OUT.
at_terminal() {
    cat >"$T/expect" - <<END_EXPECT
set timeout 20
match_max 100000
proc see {text} { expect -ex \$text {} timeout { puts "\nMISSING: \$text"; exit 1 } eof { puts "\nENDED before: \$text"; exit 1 } }
proc bye {} { expect eof {} timeout { puts "\nMISSING: the end"; exit 1 } }
proc say {text} { send -- \$text }
spawn "$BUILD/tools/signet"
see "/> "
$1
END_EXPECT
    expect "$T/expect" >"$OUT" 2>&1 </dev/null
}

check "menus, relative commands, quit" at_terminal '
say "/certificate\r";         see "/certificate> "
say "settings\r";             see "/certificate/settings> "
say "set crl-use=yes\r";      see "> "
say "print\r";                see "crl-use: yes"; see "settings> "
say "..\r";                   see "/certificate> "
say "print count-only\r";     see "1"; see "/certificate> "
say "/\r";                    see "/> "
say "/quit\r";                bye'
# Until libedit has the terminal, shortly after the prompt, Ctrl-D is the kernel's.
check "Ctrl-D ends" at_terminal '
set timeout 1
set tries 0
expect eof {} timeout { if {[incr tries] > 20} { puts "\nMISSING: the end"; exit 1 }; say "\004"; exp_continue }'

check "help by ?" at_terminal '
say "/certificate ?";         see "issued-revoke"; see "/certificate "
say "add ?";                  see "common-name"; see "key-usage"; sleep 0.3
say "\003";                   see "/> "
say "/quit\r";                bye'

check "completion by Tab" at_terminal '
say "/certi\t";               see "ficate"
say "pri\t";                  see "nt"
say "whe\t";                  see "re"
say "\003";                   see "/> "
say "/certificate set some-\t"; see "name"
say "key-u\t";                sleep 0.2
say "\003";                   see "/> "
say "/certificate add key-size=prime\t"; see "256v1"
say "\003";                   see "/> "
say "/quit\r";                bye'

check "history: of this session and of the one before" at_terminal '
say "/certificate print count-only where name=some-name\r"; see "1"; see "/> "
say "\033\[A";                see "print count-only where name=some-name"
say "\003";                   see "/> "
say "/quit\r";                bye'
check "the next session" at_terminal '
say "\033\[A";                see "where name=some-name"
say "\003";                   see "/> "
say "/quit\r";                bye'
equal "its file" "$(stat -c %a "$SIGNET_HOME/history")" 600
# What must not be seen again.
check "a passphrase" at_terminal '
say "/certificate export-certificate some-name export-passphrase=very-secret-words\r"; see "/> "
say "/quit\r";                bye'
equal "is not kept in the history" "$(grep -c very-secret-words "$SIGNET_HOME/history" || :)" 0

check "an error is no end" at_terminal '
say "/certificate prnt\r";    see "bad command name prnt (line 1 column 14)"; see "/> "
say "/certificate print count-only\r"; see "1"
say "/quit\r";                bye'

check "Ctrl-C stops the making of a key, and only that" at_terminal '
say "/certificate add name=long common-name=long key-size=8192 custody=file\r"; see "/> "
say "/certificate sign long\r"; see "progress: "; sleep 0.3
say "\003";                   see "interrupted"; see "/> "
say "/certificate print count-only where name=long private-key\r"; see "0"; see "/> "
say "/certificate remove long\r"; see "/> "
say "/quit\r";                bye'
equal "nothing is left of it" "$(signet '/certificate print count-only')$(signet key list | wc -l)" 12

check "colours on a terminal" at_terminal 'say "/certificate print\r"; see "some-name"; see "/> "; say "/quit\r"; bye'
grep -q $'\033\[1m' "$OUT" || die "no colours"
signet '/certificate print' >"$OUT"
! grep -q $'\033' "$OUT" || die "colours in a pipe"
echo "ok: none in a pipe"
printf '/certificate\nprint count-only\n' | signet run - >"$OUT"
equal "commands from a pipe" "$(<"$OUT")" 1
