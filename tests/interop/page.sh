#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The page of www-ssl, in a browser: page.py is the person in front of it. Here is the router, and what the page's server
# gives to whom. SIGNET_KEEP leaves pictures of the page behind.
source "$(dirname "$0")/../lib.sh"
store_start
tpm_start
tpm_srk
PORT=$(free_port) url=https://localhost:$PORT
program=$BUILD/tools/signetd/signetd

certificate() { # certificate NAME CA PROPERTY...
    check "a certificate $1" signet "/certificate add name=$1 common-name=$1 ${*:3}; /certificate sign $1 ca=$2"
}
check "a CA" signet '/certificate add name=ca common-name="Local CA" days-valid=3650 key-usage=key-cert-sign,crl-sign; /certificate sign ca; /certificate set ca trusted=yes'
certificate vpn-ca ca days-valid=1800 key-usage=key-cert-sign,crl-sign
certificate router ca subject-alt-name=DNS:localhost,DNS:router.example.com,IP:127.0.0.1 key-usage=digital-signature,tls-server
for name in alice bob carol; do
    certificate $name vpn-ca days-valid=25 key-size=prime256v1 custody=file key-usage=digital-signature,tls-client
done
check "one that is revoked" signet '/certificate issued-revoke bob'
hostile='<img src=x onerror=alert(1)>'
check "templates" signet '/certificate add name=prnter common-name=printer custody=file key-size=prime256v1 key-usage=digital-signature,tls-server; /certificate add name=wrong common-name=wrong'
check "a hostile name" signet "/certificate add name=\"$hostile\" common-name=\"<script>alert(2)</script>\""
check "users" signet '/user add name=admin group=full password=correct-horse; /user add name=guest group=read password=only-looking'
www=$(free_port)
check "services" signet "/ip service set www-ssl port=$PORT certificate=router disabled=no address=127.0.0.0/8; /ip service set www port=$www disabled=no address=127.0.0.0/8"
check "a binding" signet '/certificate binding add certificate=router service=nginx disabled=yes'
check "a SCEP server" signet '/certificate scep-server add ca-cert=ca path=/scep/ disabled=no'
mkdir "$T/stats"
SIGNET_STATS_DIRECTORY=$T/stats spawn signetd "$program"
wait_port "$PORT" signetd
wait_port "$www" signetd
check "its CA" signet '/certificate export-certificate ca file-name=ca'

# ---- what the server gives, and to whom ----
fetch() { curl --silent --max-time 20 --noproxy '*' --cacert "$FILES/ca.crt" --output "$T/body" --dump-header "$T/headers" --write-out '%{http_code}' "$@" || :; }
as_admin() { fetch --user admin:correct-horse "$@"; }
header() { sed -n "s/^$1: \(.*\)\r$/\1/Ip" "$T/headers"; }
equal "the page" "$(fetch "$url/")" 200
equal "its policy" "$(header content-security-policy | grep -o "[a-z]*-src[^;]*\|frame-ancestors[^;]*" | paste -sd,)" \
    "default-src 'none',script-src 'self',style-src 'self',img-src 'self' data:,connect-src 'self',frame-ancestors 'none'"
equal "its type is not guessed" "$(header x-content-type-options)" nosniff
equal "it is asked for each time" "$(header cache-control)" no-cache
equal "and not sent again" "$(fetch --header "If-None-Match: $(header etag)" "$url/")" 304
equal "unless it is another" "$(fetch --header 'If-None-Match: "0"' "$url/")" 200
equal "its script" "$(fetch "$url/page.js")" 200
equal "by HEAD" "$(fetch --head "$url/page.css")" 200
equal "not by POST" "$(fetch --data x "$url/")" 404
equal "nothing else of its folder" "$(fetch "$url/page.c")" 404
equal "not without TLS" "$(fetch "http://localhost:$www/")" 404
equal "REST neither" "$(as_admin "http://localhost:$www/rest/certificate")" 404
equal "REST" "$(as_admin "$url/rest/certificate")" 200
equal "without a password" "$(fetch "$url/rest/certificate")" 401
[ -n "$(header www-authenticate)" ] || die "no word of how to log in"
equal "a script" "$(fetch --header 'X-Requested-With: signet' "$url/rest/certificate")" 401
equal "makes the browser ask for nothing" "$(header www-authenticate)" ''
for site in cross-site same-site; do
    equal "$site" "$(as_admin --header "Sec-Fetch-Site: $site" "$url/rest/certificate")" 403
done
equal "same-origin" "$(as_admin --header 'Sec-Fetch-Site: same-origin' "$url/rest/certificate")" 200
equal "another origin" "$(as_admin --header 'Origin: https://evil.example' "$url/rest/certificate")" 403
equal "another port" "$(as_admin --header 'Origin: https://localhost' "$url/rest/certificate")" 403
equal "no origin" "$(as_admin --header 'Origin: null' "$url/rest/certificate")" 403
equal "its own" "$(as_admin --header "Origin: $url" "$url/rest/certificate")" 200
equal "who it is" "$(as_admin "$url/rest/user/active" >/dev/null; cat "$T/body")" '[{".id":"*1","name":"admin","group":"full"}]'
equal "a certificate with its CAs, for all" "$(fetch --user guest:only-looking --json '{".id":"alice"}' "$url/rest/certificate/pem")" 200
jq -j .ret "$T/body" >"$T/alice.pem"
check "it is whole" plain_openssl verify -CAfile "$FILES/ca.crt" -untrusted "$T/alice.pem" "$T/alice.pem"
check "on the console" signet '/certificate pem alice'
cp "$OUT" "$T/console.pem"
check "it is the same" cmp "$T/console.pem" "$T/alice.pem"
refused "of a template" signet "/certificate pem \"$hostile\""
said 'not signed yet'

# ---- what a person needs ----
plain_openssl req -x509 -newkey rsa:2048 -nodes -subj '/CN=Imported' -days 9 -keyout "$T/imported.key" -out "$T/imported.pem" 2>/dev/null
plain_openssl pkcs12 -export -in "$T/imported.pem" -inkey "$T/imported.key" -passout pass:sesame -out "$T/router.p12"
plain_openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj '/CN=Pair' -days 9 -keyout "$T/pair.key" -out "$T/pair.pem" 2>/dev/null
plain_openssl x509 -in "$T/pair.pem" -outform der -out "$T/pair.der"
# A client that waits for somebody's consent.
client() { SIGNET_HOME=$T/client signet "$1"; }
check "its template" client '/certificate add name=phone common-name=phone.example.com custody=file key-usage=digital-signature,tls-client'
check "its request" client "/certificate add-scep template=phone scep-url=http://127.0.0.1:$www/scep/ ca-fingerprint=$(get ca fingerprint)"
said pending
key_hash=$(plain_openssl s_client -connect "127.0.0.1:$PORT" </dev/null 2>/dev/null | plain_openssl x509 -pubkey -noout |
    plain_openssl pkey -pubin -outform der | plain_openssl dgst -sha256 -binary | base64)
mkdir "$T/browser" "$T/pictures" "$T/downloads"
status=0
/usr/bin/python3 -B "$(dirname "$0")/page.py" "$url" "$key_hash" "$T" "$BUILD/tools/signet" || status=$?
[ $status -eq 0 ] || die "the page"

# ---- what has become of it ----
equal "added and signed by the keyboard" "$(flags keyboard)" K
equal "its CA" "$(get keyboard ca)" ca
equal "revoked" "$(flags carol)" KIR
equal "imported, with its key" "$(flags router_p12)" K
equal "as two files, signed by hand, trusted, renamed" "$(flags pair) $(flags printer) $(get printer ca)" 'KT K vpn-ca'
refused "removed" signet '/certificate get wrong name'
equal "no upload stays" "$(find "$FILES" -name 'page-*')" ''
equal "granted" "$(signet '/certificate scep-server requests print count-only where status=issued')" 1
grep -q BEGIN "$T/downloads/alice.pem" || die "nothing was downloaded"
check "the download is whole" plain_openssl verify -CAfile "$FILES/ca.crt" -untrusted "$T/downloads/alice.pem" "$T/downloads/alice.pem"
check "with the key" plain_openssl pkey -in "$T/downloads/carol.pem" -passin pass:'a good passphrase' -noout
equal "the service's port" "$(signet '/ip service get api-ssl port')" 18729
