#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# EC keys of each custody by OpenSSL's commands: made, shown, written, used; in requests, certificates and CMS; at a
# persistent handle; and what is refused.
source "$(dirname "$0")/../lib.sh"
tpm_start
tpm_srk
ssl_conf
head -c 1000 /dev/urandom >"$T/data"

# The command of the README: no openssl.cnf.
check "the README's command" env OPENSSL_CONF=/dev/null openssl genpkey -provider-path "$MODULES" -provider signet \
    -provider default -propquery '?provider=signet' -algorithm EC -pkeyopt group:P-256 -pkeyopt custody:tpm -out "$T/key.pem"

declare -A label=([tpm]='TSS2 PRIVATE KEY' [sealed]='SIGNET SEALED KEY' [file]='PRIVATE KEY')
declare -A name=([P-256]=prime256v1 [P-384]=secp384r1)
for custody in tpm sealed file; do
    for curve in P-256 P-384; do
        what="$custody $curve" key=$T/key.pem
        mark=$(tpm_mark)
        ALGORITHM=EC check "$what: made" genpkey "$key" "custody:$custody" "group:$curve"
        [ "$custody" != tpm ] || tpm_commands "$mark" | grep -qx Create || die "the TPM has made no key"
        equal "its label" "$(head -n 1 "$key")" "-----BEGIN ${label[$custody]}-----"
        equal "nobody else reads the file" "$(stat -c %a "$key")" 600
        [ "$custody" != file ] || key=signet:file=$key
        check "its public key" openssl pkey -in "$key" -pubout -out "$T/pub.pem"
        check "it is one" plain_openssl pkey -pubin -in "$T/pub.pem" -noout -text -pubcheck
        said "ASN1 OID: ${name[$curve]}"
        check "its text" openssl pkey -in "$key" -noout -text
        said "ASN1 OID: ${name[$curve]}"
        [ "$custody" = file ] || said "custody $custody"
        check "written again" openssl pkey -in "$key" -out "$T/again.pem"
        check "the same" cmp "$T/key.pem" "$T/again.pem"
        for md in sha1 sha224 sha256 sha384 sha512 sha3-256; do
            check "$what: sign, $md" openssl dgst "-$md" -sign "$key" -out "$T/sig" "$T/data"
            check "plain OpenSSL verifies" plain_openssl dgst "-$md" -verify "$T/pub.pem" -signature "$T/sig" "$T/data"
            check "and with the key" openssl dgst "-$md" -prverify "$key" -signature "$T/sig" "$T/data"
        done
        refused "other data" openssl dgst -sha3-256 -prverify "$key" -signature "$T/sig" "$T/pub.pem"
        head -c 64 /dev/urandom >"$T/digest"
        check "pkeyutl" openssl pkeyutl -sign -inkey "$key" -in "$T/digest" -out "$T/sig"
        check "plain OpenSSL verifies" plain_openssl pkeyutl -verify -pubin -inkey "$T/pub.pem" -in "$T/digest" -sigfile "$T/sig"
        refused "what is no digest" openssl pkeyutl -sign -inkey "$key" -in "$T/data" -out "$T/sig"

        for md in sha256 sha384; do
            check "$what: request, $md" openssl req -new -"$md" -key "$key" -subj /CN=ec -out "$T/ec.csr"
            check "its signature" plain_openssl req -in "$T/ec.csr" -noout -verify -text
            said "ecdsa-with-$md"
            check "self-signed certificate, $md" openssl req -x509 -new -"$md" -key "$key" -subj /CN=CA -days 2 \
                -addext basicConstraints=critical,CA:TRUE -out "$T/ec-ca.pem"
            check "its signature" plain_openssl verify -check_ss_sig -CAfile "$T/ec-ca.pem" "$T/ec-ca.pem"
            check "the CA signs" openssl x509 -req -in "$T/ec.csr" -CA "$T/ec-ca.pem" -CAkey "$key" -"$md" -days 2 -out "$T/leaf.pem"
            check "the chain" plain_openssl verify -CAfile "$T/ec-ca.pem" "$T/leaf.pem"
        done
        check "CMS" openssl cms -sign -nodetach -in "$T/data" -binary -signer "$T/ec-ca.pem" -inkey "$key" -outform DER -out "$T/cms"
        check "plain OpenSSL verifies it" plain_openssl cms -verify -inform DER -in "$T/cms" -CAfile "$T/ec-ca.pem" -purpose any -out "$T/cms.out"
        check "the data" cmp "$T/data" "$T/cms.out"
    done
done

echo "# one command a signature"
make_ec_key "$T/key.pem"
session process "$T/key.pem"
ask process sign
mark=$(tpm_mark)
ask process init
equal "EVP_DigestSignInit says nothing to the TPM" "$(tpm_commands "$mark" | wc -l)" 0
ask process digests
mark=$(tpm_mark)
ask process 'sign 50'
equal "50 signatures: commands" "$(tpm_commands "$mark" | sort | uniq -c | tr -s ' ')" ' 50 Sign'
session_end process
check "32 threads" "$PROGRAMS/sign_threads" 32 8 "$T/key.pem"
check "forks" "$PROGRAMS/sign_fork" after 4 2 20 "$T/key.pem"
ALGORITHM=EC genpkey "$T/sealed.pem" custody:sealed group:P-256 2>"$OUT"
check "threads, sealed" "$PROGRAMS/sign_threads" 16 20 "$T/sealed.pem"
check "forks, sealed" "$PROGRAMS/sign_fork" before 4 2 20 "$T/sealed.pem"

kernel_only() { SIGNET_LANES=kernel-only openssl dgst -sha256 -sign "$T/sealed.pem" -out "$T/sig" "$T/data"; }
refused "sealed, where nothing may be unsealed" kernel_only
said 'kernel-only.*EC'
refused "the kernel does not take it" signet hw hold "$T/sealed.pem"
said 'RSA keys only'

echo "# at a persistent handle"
openssl pkey -in "$T/key.pem" -pubout -out "$T/pub.pem"
sign() { openssl dgst -sha256 -sign "$1" -out "$T/sig" "$T/data" && plain_openssl dgst -sha256 -verify "$T/pub.pem" -signature "$T/sig" "$T/data"; }
check "persist" signet hw persist "$T/key.pem" 0x81010001 --out "$T/reference.pem"
equal "label" "$(head -n 1 "$T/reference.pem")" '-----BEGIN SIGNET KEY REFERENCE-----'
check "the reference signs" sign "$T/reference.pem"
check "the URI signs" sign signet:handle=0x81010001
check "a reference from the URI" openssl pkey -in signet:handle=0x81010001 -out "$T/reference2.pem"
check "the same" cmp "$T/reference.pem" "$T/reference2.pem"
check "evict" signet hw evict 0x81010001
refused "the reference after that" sign "$T/reference.pem"
said 0x81010001

echo "# a passphrase"
make_ec_key "$T/locked.pem" passphrase:correct-horse
openssl pkey -in "$T/locked.pem" -passin pass:correct-horse -pubout -out "$T/pub.pem"
locked() { openssl dgst -sha256 -sign "$T/locked.pem" -passin "pass:$1" -out "$T/sig" "$T/data"; }
check "the right one" locked correct-horse
check "plain OpenSSL verifies" plain_openssl dgst -sha256 -verify "$T/pub.pem" -signature "$T/sig" "$T/data"
refused "a wrong one" locked battery
said 'ECDSA signature.*wrong passphrase'

echo "# damage: each byte of the container in turn, by strides"
make_ec_key "$T/key.pem"
openssl pkey -in "$T/key.pem" -pubout -out "$T/pub.pem"
openssl pkey -in "$T/key.pem" -outform DER -out "$T/key.der"
size=$(stat -c %s "$T/key.der") through=0
for ((at = 0; at < size; at += 5)); do
    cp "$T/key.der" "$T/bad.der"
    byte=$(od -An -tu1 -j "$at" -N 1 "$T/key.der")
    # shellcheck disable=SC2059 # the byte is the format
    printf "\\x$(printf %02x $((byte ^ 0x41)))" | dd of="$T/bad.der" bs=1 seek="$at" conv=notrunc status=none
    { echo "-----BEGIN TSS2 PRIVATE KEY-----" && base64 "$T/bad.der" && echo "-----END TSS2 PRIVATE KEY-----"; } >"$T/bad.pem"
    # emptyAuth is TRUE with every byte but zero.
    if sign "$T/bad.pem" >"$OUT" 2>&1; then through=$((through + 1)) harmless="$at"; fi
    ! grep -qE 'Sanitizer|runtime error:' "$OUT" || die "byte $at: $(cat "$OUT")"
done
[ "$through" -le 1 ] || die "$through damaged keys sign, the last at byte $harmless"
echo "ok: damage: refused"

echo "# refusals"
new() { ALGORITHM=EC genpkey "$T/bad.pem" "$@"; }
refused "a curve that the TPM has not for us" new custody:tpm group:P-521
said 'P-521' 'P-256'
refused "a curve that does not exist" new custody:tpm group:P-2
refused "a curve by its numbers" new custody:tpm group:P-256 ec_param_enc:explicit
said 'named curves'
refused "PCRs of a key in the TPM" new custody:tpm group:P-256 pcrs:7
refused "an agreement with a key for signatures" openssl pkeyutl -derive -inkey "$T/key.pem" -peerkey "$T/pub.pem" -out "$T/secret"
tpm_stop
unset "TPM_PID[$TPM]"
refused "a TPM that is gone" sign "$T/key.pem"
said 'no TPM answers'
