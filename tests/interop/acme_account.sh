#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Accounts: registered with keys of every custody and kind, changed, deactivated, forgotten; and a CA that has lost them.
# Pebble checks every signature.
. "$(dirname "$0")/../lib.sh"
. "$(dirname "$0")/../pebble.sh"
tpm_start
tpm_srk
store_start
pebble_start PEBBLE_WFE_NONCEREJECT=0
pebble_trust
check "the port of www" signet "/ip service set www port=$HTTP_PORT"
register() { signet "/certificate acme account register directory-url=$DIRECTORY $*"; }
account() { signet "/certificate acme account get [find where name=$1] $2"; }
# add NAME [SETTING...]
add() {
    local name=$1
    shift
    signet "/certificate add-acme name=$name domain-names=$name.example.com directory-url=$DIRECTORY key-size=prime256v1 custody=file $*"
}
key_line() { signet key list | grep -F "$(account "$1" key) "; }

# ---- keys ----
check "RSA in the TPM" register name=tpm custody=tpm
equal "the TPM has it" "$(key_line tpm | grep -c '  *tpm')" 1
mark=$(tpm_mark)
check "a certificate under it" add a account=tpm
[ "$(tpm_operations "$mark")" -ge 5 ] || die "the TPM has signed $(tpm_operations "$mark") of the requests"
echo "ok: the TPM has signed $(tpm_operations "$mark") requests"
check "P-256 in a file" register name=ec custody=file key-size=prime256v1
check "a certificate under it" add b account=ec
check "sealed" register name=sealed custody=sealed
check "a certificate under it" add c account=sealed
check "P-384 in a file" register name=file custody=file key-size=secp384r1 contact=a@example.com,b@example.com
check "a certificate under it" add d account=file
for custody in tpm sealed; do
    check "EC, custody $custody" register name=ec-$custody custody=$custody key-size=$([ $custody = tpm ] && echo prime256v1 || echo secp384r1)
    equal "its custody" "$(key_line ec-$custody | grep -c "  *$custody  *ec")" 1
    mark=$(tpm_mark)
    check "a certificate under it" signet "/certificate add-acme name=e-$custody domain-names=e-$custody.example.com account=ec-$custody directory-url=$DIRECTORY key-size=prime256v1 custody=$custody"
    equal "the certificate's key" "$(get e-$custody custody)" $custody
    echo "# the TPM has signed $(tpm_operations "$mark") times"
    [ $custody = sealed ] || [ "$(tpm_operations "$mark")" -ge 5 ] || die "the TPM has not signed the requests"
done
equal "an account each" "$(signet '/certificate acme account print as-value proplist=url' | tr ';' '\n' | grep -c '^url=https' || :)" 6
refused "a key that is too small" register name=small key-size=1024
refused "no https" signet "/certificate acme account register directory-url=http://localhost/ name=http"
said 'https://'
check "the same again" register name=tpm
equal "it is still one" "$(signet '/certificate acme account print count-only')" 6
refused "the name of one at another CA" signet "/certificate acme account register directory-url=https://localhost:1/ name=tpm"
said 'there is an account tpm already'
refused "no account of this name" add none account=nobody
said 'there is no ACME account nobody'
find "$SIGNET_HOME" -type f ! -path '*/files/*' ! -path '*/trust*' -printf '%m %P\n' | grep -v '^600 ' >"$OUT" || :
equal "files that others may read" "$(<"$OUT")" ''

# ---- changes ----
check "contacts" signet '/certificate acme account set-contact [find where name=file] contact=c@example.com'
equal "they are kept" "$(account file contact)" c@example.com
refused "what is no address" signet '/certificate acme account set-contact [find where name=file] contact="c example.com"'
said 'c example.com'
equal "they are kept" "$(account file contact)" c@example.com
url=$(account file url) key=$(account file key)
check "a new key" signet '/certificate acme account change-key [find where name=file] key-size=3072 custody=sealed'
equal "the account is the same" "$(account file url)" "$url"
[ "$(account file key)" != "$key" ] || die "its key has the name that the old one had"
equal "the old key is gone" "$(signet key list | grep -cF "$key " || :)" 0
check "a certificate under the new key" signet '/certificate acme-renew d'
check "the log" signet '/log print where message~"acme"'
said 'account file has a new key'

# ---- the end of one ----
check "deactivate" signet '/certificate acme account deactivate [find where name=file]'
equal "status" "$(account file status)" deactivated
refused "nothing is issued under it" signet '/certificate acme-renew d'
said 'deactivated'
check "remove" signet '/certificate acme account remove [find where name=file]'
equal "it is forgotten" "$(signet '/certificate acme account print count-only where name=file')" 0
equal "its key, too" "$(signet key list | grep -c acme-account)" 5
refused "what was under it" signet '/certificate acme-renew d'
said 'there is no ACME account file'
check "another account for it" signet '/certificate acme set [find where certificate=d] account=sealed; /certificate acme-renew d'

# ---- a CA that has lost everything ----
stop "$PEBBLE_PID"
PORT=${DIRECTORY##*:} PORT=${PORT%/dir}
PORT=$PORT pebble_start PEBBLE_WFE_NONCEREJECT=0
url=$(account tpm url)
check "the account is registered again, with its key" signet '/certificate acme-renew a'
said 'registering account tpm'
[ "$(account tpm url)" != "$url" ] || die "the account has the URL it had"
equal "flags" "$(flags a)" KI
sqlite3 "$SIGNET_HOME/signet.db" "INSERT INTO setting SELECT menu, 'order-url', '${DIRECTORY%/dir}/my-order/nothing', NULL
    FROM setting s, certificate c WHERE s.name = 'certificate' AND s.certificate = c.id AND c.name = 'a'"
check "an order that it does not know: another is placed" signet '/certificate acme-renew a'
said 'going on with an order'
