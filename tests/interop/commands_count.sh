#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# What goes over the wire: nothing for loading and init, at most three commands from process start to the first
# signature with a persistent storage key, then exactly one a signature.
source "$(dirname "$0")/../lib.sh"
tpm_start
tpm_srk
ssl_conf
make_key "$T/key.pem"
commands() { tpm_commands "$mark" | tr '\n' ' '; }

mark=$(tpm_mark)
session process "$T/key.pem"
equal "loading a key says nothing to the TPM" "$(commands)" ''
ask process init
equal "EVP_DigestSignInit says nothing to the TPM" "$(commands)" ''

ask process sign
echo "# first signature: $(commands)"
equal "one of them signs" "$(tpm_operations "$mark")" 1
[ "$(tpm_commands "$mark" | wc -l)" -le 3 ] || die "more than three commands to the first signature: $(commands)"
echo "ok: at most three commands to the first signature"

mark=$(tpm_mark)
ask process 'sign 100'
equal "100 signatures: commands" "$(tpm_commands "$mark" | wc -l)" 100
equal "100 signatures: operations" "$(tpm_operations "$mark")" 100

mark=$(tpm_mark)
ask process init
equal "EVP_DigestSignInit on a loaded key says nothing" "$(commands)" ''
ask process digests
session_end process

# The same from the command line, PSS and decryption included.
echo data >"$T/data"
openssl pkey -in "$T/key.pem" -pubout -out "$T/pub.pem"
first_operation() { tpm_commands "$mark" | awk '{ n++ } /^(Sign|RSA_Decrypt)$/ { print n; exit }'; }
for padding in pkcs1 pss; do
    mark=$(tpm_mark)
    check "openssl dgst, $padding" openssl dgst -sha256 -sigopt rsa_padding_mode:$padding -sign "$T/key.pem" \
        -out "$T/sig" "$T/data"
    echo "# $(commands)"
    [ "$(first_operation)" -le 3 ] || die "more than three commands to the first signature"
done
oaep=(-pkeyopt rsa_padding_mode:oaep)
plain_openssl pkeyutl -encrypt -pubin -inkey "$T/pub.pem" -in "$T/data" "${oaep[@]}" -out "$T/cipher"
mark=$(tpm_mark)
check "openssl pkeyutl -decrypt" openssl pkeyutl -decrypt -inkey "$T/key.pem" -in "$T/cipher" "${oaep[@]}" \
    -out "$T/clear"
equal "one operation" "$(tpm_operations "$mark")" 1

# A key at a persistent handle needs nothing but its signatures.
mark=$(tpm_mark)
signet hw persist "$T/key.pem" 0x81010001 --out "$T/reference.pem" >"$OUT"
mark=$(tpm_mark)
session persistent "$T/reference.pem"
ask persistent 'sign 20'
session_end persistent
echo "# persistent key: $(commands | tr ' ' '\n' | sort | uniq -c | tr '\n' ' ')"
[ "$(tpm_commands "$mark" | wc -l)" -le 22 ] || die "more than two commands besides the signatures"
equal "operations" "$(tpm_operations "$mark")" 20
