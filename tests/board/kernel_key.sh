#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Sealed keys that the kernel holds: given at boot by root, used by a service's user who has neither the TPM nor the
# right to read the key; the service's memory never holds it.
. "$(dirname "$0")/lib.sh"

board_tpm
tpm_srk
ssl_conf "default signet" "lanes = kernel-only"
unset SIGNET_TCTI
check "the kernel's parser of private keys" modprobe pkcs8_key_parser
chmod 755 "$T"
head -c 1000 /dev/urandom >"$T/data"
chmod 644 "$T/data" "$T/openssl.cnf"

# as USER COMMAND...: without any group but its own.
as() {
    local user=$1
    shift
    setpriv --reuid "$user" --regid "$user" --clear-groups -- "$@"
}
signs() { # signs [as USER] KEY
    local key=${*: -1}
    "${@:1:$#-1}" openssl dgst -sha256 -sign "$key" "$T/data" >"$T/sig" &&
        plain_openssl dgst -sha256 -verify "$T/pub.pem" -signature "$T/sig" "$T/data"
}

check "a sealed key" genpkey "$T/key.pem" custody:sealed
openssl pkey -in "$T/key.pem" -pubout -out "$T/pub.pem"
chmod 644 "$T/key.pem" # it says nothing without the TPM
refused "kernel-only, and the kernel has it not" signs "$T/key.pem"
said 'signet hw hold'
TCTI=device:/dev/tpmrm0
# It unseals the key in memory that goes neither to swap nor to a core file.
trace=/sys/kernel/debug/tracing
calls=(sys_exit_mlockall sys_enter_prctl sys_enter_add_key)
for call in "${calls[@]}"; do echo 1 >"$trace/events/syscalls/$call/enable"; done
check "given to the kernel, for www-data" signet hw hold "$T/key.pem" --tcti "$TCTI" --group www-data
for call in "${calls[@]}"; do echo 0 >"$trace/events/syscalls/$call/enable"; done
grep '^ *signet-' "$trace/trace" >"$T/calls" || die "no calls of signet's in the trace"
check "its memory was locked, and no core file to be had, by then" awk '
    /sys_mlockall -> 0x0$/ { locked = 1 }
    /sys_prctl\(option: 4, arg2: 0,/ { kept = 1 } # PR_SET_DUMPABLE
    /sys_add_key\(/ { exit }
    END { exit !(locked && kept) }' "$T/calls"
grep -q 'sys_add_key(' "$T/calls" || die "the key was not given by add_key"
grep -q 'signet:' /proc/keys || die "no key of Signet's in /proc/keys"
check "root signs" signs "$T/key.pem"
check "www-data signs" signs as www-data "$T/key.pem"
check "… with PSS" as www-data openssl dgst -sha256 -sigopt rsa_padding_mode:pss -sign "$T/key.pem" -out /dev/null "$T/data"
refused "games does not" signs as games "$T/key.pem"
check "what www-data can see of it" as www-data cat /proc/keys
serial=$((16#$(awk '/signet:/ { print $1; exit }' "$OUT")))
refused "reading it" as www-data keyctl print "$serial"
refused "reading it, as root" keyctl print "$serial"
refused "changing who may use it" as www-data keyctl setperm "$serial" 0x3f3f3f3f

# A service that runs while its key is given once more, taken away, and given again. It is a failure of the key's, not
# of the lane's: no breaker is in the way when the key is back.
serial_of() { keyctl search @u keyring signet >"$OUT" && keyctl rlist "$(<"$OUT")"; }
fails() { if (ask "$@") 2>"$OUT"; then die "$1: $2: should have failed"; fi; }
session s "$T/key.pem"
ask s "sign 2"
before=$(serial_of)
check "given once more" signet hw hold "$T/key.pem" --tcti "$TCTI" --group www-data
equal "it is the one that is there" "$(serial_of)" "$before"
ask s "sign 5"
check "www-data still signs" signs as www-data "$T/key.pem"
check "released under a service" signet hw release "$T/key.pem"
for _ in 1 2 3 4 5; do fails s "sign 1"; done
said 'a key that is gone'
check "given again" signet hw hold "$T/key.pem" --tcti "$TCTI" --group www-data
[ "$(serial_of)" != "$before" ] || die "it is not another key to the kernel"
ask s "sign 5"
session_end s
echo "ok: the service goes on with it at once"

# A key that a process itself gives to the kernel is of no use to another process of the same user, not even to one that
# knows its number.
check "a file key" genpkey "$T/own.pem" custody:file
echo 1 >$trace/events/syscalls/sys_exit_add_key/enable
SIGNET_LANES=keyring session p "signet:file=$T/own.pem"
ask p "sign 2"
echo 0 >$trace/events/syscalls/sys_exit_add_key/enable
own=$(($(sed -n 's/.* sys_add_key -> //p' $trace/trace | tail -n 1)))
more "its number" $own 0
grep -E "^$(printf %08x $own) " /proc/keys && die "another process can see it"
{ printf '\0' && head -c 255 /dev/urandom; } >"$T/block"
refused "another process's use of it" keyctl pkey_decrypt $own 0 "$T/block" enc=raw
said 'denied'
ask p "sign 2"
session_end p

# The private numbers are not in the service's memory: of a key that this test knows.
plain_openssl genrsa -traditional -out "$T/known.key" 2048 2>/dev/null
plain_openssl req -x509 -key "$T/known.key" -subj /CN=localhost -addext subjectAltName=DNS:localhost,IP:127.0.0.1 \
    -days 2 -out "$T/ca.pem" 2>/dev/null
store_start
cat "$T/known.key" "$T/ca.pem" >"$FILES/known.pem"
check "a known key, sealed" signet --tcti "$TCTI" '/certificate import file-name=known.pem custody=sealed'
check "its file" signet key write known --out "$T/known.pem"
chmod 644 "$T/known.pem"
check "given to the kernel" signet hw hold "$T/known.pem" --tcti "$TCTI" --group www-data
port=$(free_port)
MAIN='worker_processes 2; user www-data;' nginx_conf "$port" "$T/ca.pem" "$T/known.pem"
chmod -R a+rX "$T/www"
chmod 600 /dev/tpm0 /dev/tpmrm0
nginx_start
for way in tls12-pkcs1 tls12-pss tls12-rsa tls13; do handshake "$way" "$port"; done
prime=$(plain_openssl rsa -in "$T/known.key" -noout -text | awk '/^prime1/ { on = 1; next } /^[a-z]/ { on = 0 } on { gsub(/[ :]/, ""); printf "%s", $0 }' | sed 's/^00//')
"$PROGRAMS/find_in_memory" "$prime" $$ && die "the search finds what is not there"
# As bytes in the order of a file, and as OpenSSL's words, lowest byte first.
reversed=$(fold -w2 <<<"$prime" | tac | tr -d '\n')
found=0
for pid in $(<"$T/nginx.pid") $(pgrep -P "$(<"$T/nginx.pid")"); do
    for number in "$prime" "$reversed"; do
        if "$PROGRAMS/find_in_memory" "$number" "$pid"; then found=1; fi
    done
done
equal "no prime is in nginx's memory" "$found" 0
# The same search finds the key in a process that has it.
openssl_conf_before=$OPENSSL_CONF
check "released" signet hw release "$T/known.pem"
refused "and gone" signs "$T/known.pem"
export TCTI
ssl_conf
session s "$T/known.pem"
ask s "sign 1"
found=0
for number in "$prime" "$reversed"; do
    if "$PROGRAMS/find_in_memory" "$number" "${SESSION_PID[s]}"; then found=1; fi
done
equal "the search finds it in a process that has unsealed it" "$found" 1
session_end s
export OPENSSL_CONF=$openssl_conf_before

check "released" signet hw release "$T/key.pem"
refused "twice" signet hw release "$T/key.pem"
said 'does not hold'
refused "for a group that is none" signet hw hold "$T/key.pem" --tcti "$TCTI" --group nobodys
check "a file key" genpkey "$T/file.pem" custody:file
refused "is not for this" signet hw hold "$T/file.pem"
said 'custody file'
