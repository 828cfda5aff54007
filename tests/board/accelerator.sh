#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The accelerator in daily use: by AF_ALG and by the keyring, beside the CPU, for file and sealed keys, in nginx.
. "$(dirname "$0")/lib.sh"

board_tpm
tpm_srk
board_stats
head -c 1000 /dev/urandom >"$T/data"
check "the driver has passed the kernel's test" awk '/^driver/ { on = $3 == "rsa-emulated-pka" } on && /^selftest.*passed/ { ok = 1 } END { exit !ok }' /proc/crypto
check "hw print" signet hw print
said 'afalg: the kernel.s RSA driver rsa-emulated-pka' 'keyring: the kernel.s RSA driver rsa-emulated-pka'

for size in 1024 2048 3072; do
    ssl_conf
    check "a sealed key of $size bits" genpkey "$T/$size.pem" custody:sealed bits:$size
done
genpkey "$T/file.pem" custody:file 2>"$OUT"

# lane LANES LANE: a process that signs so must have used the lane, and no other but the CPU, if that is allowed. Not with
# small keys: the CPU may well be faster with them.
lane() {
    local policy=$1 want=$2 other used
    ssl_conf "default signet" "lanes = $1"
    session s "$T/2048.pem" "$T/3072.pem" "signet:file=$T/file.pem"
    shift 2
    ask s "$@"
    for other in afalg keyring cpu; do
        used=$(count "$other" operations "${SESSION_PID[s]}")
        case $other in
        "$want") more "$want was used" "$used" 10 ;;
        cpu) [[ $policy == *cpu* ]] || equal "cpu was not used" "$used" 0 ;;
        *) equal "$other was not used" "$used" 0 ;;
        esac
    done
    session_end s
}
lane "accelerator cpu" afalg "sign 50"
lane "afalg" afalg "sign 50"
lane "keyring" keyring "sign 50"
lane "keyring cpu" keyring "sign 50"
lane "cpu" cpu "sign 50"
ALGORITHM=RSA-PSS genpkey "$T/pss.pem" custody:sealed 2>"$OUT"
ssl_conf "default signet" "lanes = accelerator"
openssl pkey -in "$T/pss.pem" -pubout -out "$T/pub.pem"
openssl dgst -sha256 -sigopt rsa_padding_mode:pss -sign "$T/pss.pem" -out "$T/sig" "$T/data"
check "an RSA-PSS key" plain_openssl dgst -sha256 -sigopt rsa_padding_mode:pss -verify "$T/pub.pem" -signature "$T/sig" "$T/data"

# Decryption, with a ciphertext above the modulus in between: that is no fault of the accelerator's.
ssl_conf "default signet" "lanes = accelerator"
openssl pkey -in "$T/2048.pem" -pubout -out "$T/pub.pem"
plain_openssl pkeyutl -encrypt -pubin -inkey "$T/pub.pem" -pkeyopt rsa_padding_mode:oaep -in <(echo secret) -out "$T/encrypted"
check "decryption" openssl pkeyutl -decrypt -inkey "$T/2048.pem" -pkeyopt rsa_padding_mode:oaep -in "$T/encrypted" -out "$T/decrypted"
equal "what was encrypted" "$(<"$T/decrypted")" secret
head -c 256 /dev/zero | tr '\0' '\377' >"$T/large"
refused "a ciphertext above the modulus" openssl pkeyutl -decrypt -inkey "$T/2048.pem" -pkeyopt rsa_padding_mode:none -in "$T/large"
said 'out of range'

# Threads, children, signals.
ssl_conf
check "threads" "$PROGRAMS/sign_threads" 16 20 "$T/2048.pem" "$T/1024.pem"
check "forked before the first use" "$PROGRAMS/sign_fork" before 4 2 10 "$T/2048.pem"
check "forked after it" "$PROGRAMS/sign_fork" after 4 2 10 "$T/2048.pem"
check "signals in the middle of asynchronous I/O" "$PROGRAMS/sign_load" --signals 8 5 "$T/2048.pem"
cat "$OUT"
check "forks in the middle of asynchronous I/O" "$PROGRAMS/sign_load" --signals --forks 6 5 "$T/2048.pem"
cat "$OUT"
ssl_conf "default signet" "lanes = keyring cpu"
check "threads, by the keyring" "$PROGRAMS/sign_threads" 16 20 "$T/2048.pem" "$T/1024.pem"
check "forked after the first use, by the keyring" "$PROGRAMS/sign_fork" after 4 2 10 "$T/2048.pem"
check "signals" "$PROGRAMS/sign_load" --signals 8 5 "$T/2048.pem"
check "forks in the middle of operations, by the keyring" "$PROGRAMS/sign_load" --signals --forks 6 5 "$T/2048.pem"
cat "$OUT"

# nginx: the workers count in the master's file.
ssl_conf
make_cert "$T/2048.pem" "$T/cert.pem"
port=$(free_port)
MAIN='worker_processes 2; user root; env SIGNET_STATS_DIRECTORY;' nginx_conf "$port" "$T/cert.pem" "$T/2048.pem"
nginx_start
for way in tls12-pkcs1 tls12-pss tls12-rsa tls13; do handshake "$way" "$port"; done
more "nginx's workers used the accelerator" "$(signet hw print stats | sed -n 's/.*program=nginx lane=afalg operations=\([0-9]*\).*/\1/p')" 1

# Policies that make no sense.
for policy in moon '' 'kernel-only cpu'; do
    ssl_conf "default signet" "lanes = $policy"
    refused "lanes = $policy" openssl dgst -sha256 -sign "$T/2048.pem" -out "$T/sig" "$T/data"
done
