#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# REST over www-ssl: RouterOS's shapes, what its provider for Terraform sends, groups, and what makes no sense.
source "$(dirname "$0")/../lib.sh"
source "$(dirname "$0")/../rest.sh"
store_start
rest_start

# ---- the shapes ----
answers 200 GET /system/resource
has '.version | startswith("7.20.1")'
has '[.[] | type] | unique == ["string"]'
answers 200 GET /certificate
has 'length == 2 and .[0][".id"] == "*1" and .[0].name == "web-ca" and .[0].authority == "true" and .[0].trusted == "false"'
has '[.[][] | type] | unique == ["string"]'
grep -qi '^content-type: application/json' "$T/headers" || die "it is not JSON"
answers 200 GET '/certificate?name=web&.proplist=name,.id'
has '. == [{".id": "*2", "name": "web"}]'
answers 200 GET '/certificate?.id=*2'
has 'length == 1 and .[0].name == "web" and .[0].ca == "web-ca"'
answers 200 GET '/certificate?.id=*99'
has '. == []'
answers 200 GET '/certificate/*2'
has '.name == "web" and (.fingerprint | length == 64) and (.serial != null or .["serial-number"] != null)'
answers 200 GET /certificate/web
has '.[".id"] == "*2"'
answers 200 GET '/certificate/%2a2?.proplist=name'
has '. == {"name": "web"}'
answers 404 GET '/certificate/*99'
has '.error == 404 and .message == "Not Found" and (.detail | contains("no such item"))'
answers 404 GET /nothing/here
has '.error == 404'
answers 200 GET /certificate/settings
has '.["crl-use"] == "false"'
answers 200 POST /certificate/print '{".proplist":["name"],".query":["authority=true","name=web","#|"]}'
has '. == [{"name": "web-ca"}, {"name": "web"}]'
answers 201 PUT /certificate '{"name":"t","common-name":"t","days-valid":30,"trusted":false,"custody":"file"}'
has '.[".id"] == "*3" and .name == "t" and .["days-valid"] == "30" and .status == "template"'
answers 200 PATCH /certificate/t '{"name":"t2","country":"LV"}'
answers 404 PATCH /certificate/t '{"name":"t3"}'
answers 200 PATCH '/certificate/*3' '{"days-valid":"31"}'
has '.name == "t2" and .["days-valid"] == "31" and .country == "LV"'
answers 400 PATCH '/certificate/*3' '{"digest-algorithm":"md5"}'
has '.error == 400 and .message == "Bad Request" and (.detail | contains("md5"))'
answers 400 PATCH '/certificate/*3' '{"no-such":"x"}'
has '.detail == "unknown parameter no-such"'
answers 200 POST /certificate/add '{"name":"u","common-name":"u"}'
has '. == {"ret": "*4"}'
answers 200 POST /certificate/find '{}'
has '.ret == "*1;*2;*3;*4"'
answers 200 POST /certificate/remove '{".id":"*4"}'
has '. == []'
# An item that has gone must not stand for another: neither numbers of rows nor the beginning of a name over the network.
answers 404 PATCH /certificate/we '{"name":"other"}'
for number in 0 00 1; do
    answers 404 DELETE "/certificate/$number"
    answers 404 POST /certificate/remove "{\"numbers\":\"$number\"}"
done
equal "all are there" "$(signet '/certificate print count-only')" 3
answers 204 DELETE '/certificate/*3'
[ ! -s "$BODY" ] || die "204 has no body"
answers 404 DELETE '/certificate/*3'
answers 200 POST /certificate/settings/set '{"crl-use":"yes"}'
equal "a setting" "$(signet '/certificate settings get crl-use')" yes

# ---- Terraform's routeros_system_certificate and routeros_certificate_scep_server, as they are sent ----
answers 201 PUT /certificate '{"common-name":"TF-CA","days-valid":"3650","key-size":"prime256v1","key-usage":"key-cert-sign,crl-sign","name":"TF-CA","trusted":"yes"}'
ca=$(jq -r '.[".id"]' "$BODY")
answers 200 GET "/certificate?.id=$ca"
has 'length == 1 and .[0].trusted == "true"'
answers 200 POST /certificate/sign "{\"number\":\"$ca\"}"
has '.[0].progress == "done"'
answers 200 GET "/certificate?.id=$ca"
has '.[0]["private-key"] == "true" and .[0].authority == "true" and .[0].trusted == "true"'
answers 201 PUT /certificate '{"common-name":"tf.example.com","name":"tf-leaf","key-usage":"digital-signature,tls-server","subject-alt-name":"DNS:tf.example.com"}'
leaf=$(jq -r '.[".id"]' "$BODY")
answers 200 POST /certificate/sign "{\"ca\":\"TF-CA\",\"ca-crl-host\":\"crl.example.com\",\"number\":\"$leaf\"}"
answers 200 GET "/certificate?.id=$leaf"
has '.[0].ca == "TF-CA" and .[0]["key-size"] == "2048"'
answers 200 PATCH "/certificate/$leaf" '{"name":"tf-leaf-2"}'
has '.name == "tf-leaf-2"'
answers 201 PUT /certificate/scep-server '{"ca-cert":"TF-CA","days-valid":"10","path":"/scep/tf","request-lifetime":"5m","disabled":"no"}'
scep=$(jq -r '.[".id"]' "$BODY")
has '.["ca-cert"] == "TF-CA" and .disabled == "false" and .["request-lifetime"] == "5m"'
answers 204 DELETE "/certificate/scep-server/$scep"
answers 200 POST /certificate/issued-revoke "{\"numbers\":\"$leaf\"}"
answers 200 GET "/certificate?.id=$leaf"
has '.[0].revoked != "false"'
answers 200 POST /certificate/remove "{\"numbers\":\"$ca\"}"
answers 200 GET "/certificate?.id=$ca"
has '. == []'
# Files, then the import: the certificate, then its key.
plain_openssl req -x509 -newkey rsa:2048 -nodes -keyout "$T/in.key" -out "$T/in.crt" -subj /CN=imported -days 30 2>/dev/null
for kind in crt key; do
    answers 201 PUT /file "$(jq -n --rawfile text "$T/in.$kind" --arg name "in.$kind" '{name: $name, contents: $text}')"
    has ".name == \"in.$kind\""
done
answers 200 POST /certificate/import '{"name":"Imported","file-name":"in.crt","passphrase":""}'
has '.[0]["certificates-imported"] == "1" and .[0]["private-keys-imported"] == "0"'
answers 200 POST /certificate/import '{"name":"Imported","file-name":"in.key","passphrase":""}'
has '.[0]["private-keys-imported"] == "1"'
answers 200 GET '/certificate?name=Imported'
has 'length == 1 and .[0]["private-key"] == "true" and .[0].name == "Imported"'
answers 200 GET /file
has '[.[].name] | index("in.crt") != null and index("in.key") == null'
answers 400 POST /certificate/add-scep '{"template":"none-such","scep-url":"http://127.0.0.1:1/scep","challenge-password":"x","refresh":"yes"}'

# ---- groups ----
answers 200 PATCH /certificate/web '{"deploy-environment":"TOKEN=a-secret","deploy-arguments":"--key=a-secret","deploy-hook":"/bin/true"}'
answers 201 PUT /certificate/binding '{"certificate":"web","service":"nginx","parameters":"folder=/a-folder","disabled":"yes"}'
with_acme() { # nobody answers there, and what is given is kept; one at a time works on such certificates
    rest POST /certificate/add-acme '{"name":"acme","domain-names":"a.example","directory-url":"https://127.0.0.1:1/","deploy-environment":"TOKEN=a-secret","deploy-arguments":"--key=a-secret","deploy-hook":"/bin/true","hook":"/bin/true","webroot":"/a-folder"}'
    [ "$(signet '/certificate acme print count-only')" = 1 ]
}
wait_until "an ACME entry" with_acme
hidden='/certificate/web /certificate/renewal /certificate/acme'
for path in $hidden; do
    answers 200 GET "$path"
    grep -q a-secret "$BODY" || die "full does not see what it has given"
done
answers 200 GET /certificate/binding
has '.[0].parameters == "folder=/a-folder"'
for REST_USER in reader writer; do
    for path in $hidden; do
        answers 200 GET "$path"
        if grep -q a-secret "$BODY"; then die "$REST_USER sees it in $path"; fi
    done
    answers 200 GET /certificate/binding
    has '.[0] | has("parameters") | not'
    answers 200 GET '/certificate/renewal?deploy-environment=TOKEN%3da-secret'
    has '. == []'
    for name in deploy-environment deploy-arguments; do
        answers 403 POST /certificate/get "{\"numbers\":\"web\",\"value-name\":\"$name\"}"
    done
done
REST_USER=reader
answers 200 GET /certificate/web
answers 403 DELETE /certificate/web
has '.error == 403 and .message == "Forbidden"'
answers 403 PUT /certificate '{"name":"x"}'
answers 403 POST /certificate/export-certificate '{"numbers":"web"}'
answers 403 GET /user
answers 200 GET /file
has '[.[] | has("contents")] | any | not'
REST_USER=writer
answers 403 POST /certificate/export-certificate '{"numbers":"web","export-passphrase":"a passphrase"}'
answers 403 POST /user/add '{"name":"x","group":"full","password":"12345678"}'
answers 403 POST /certificate/add-acme '{"domain-names":"a.example","deploy-hook":"/bin/sh"}'
answers 200 GET /file
has '[.[] | has("contents")] | any | not'
# Taking away what full has given changes what runs, too.
answers 403 PATCH /certificate/web '{"deploy-hook":""}'
answers 200 GET /certificate/renewal
answers 403 PATCH "/certificate/renewal/$(jq -r '.[0][".id"]' "$BODY")" '{"deploy-hook":""}'
answers 200 GET /certificate/acme
acme=$(jq -r '.[0][".id"]' "$BODY")
for name in webroot hook deploy-hook deploy-environment; do
    answers 403 PATCH "/certificate/acme/$acme" "{\"$name\":\"\"}"
    has ".detail | contains(\"$name is for the group full\")"
done
answers 403 PATCH "/certificate/acme/$acme" '{"hook-kind":"acme-sh"}'
answers 200 PATCH "/certificate/acme/$acme" '{"dns-wait":"5"}'
answers 200 GET /certificate/binding
answers 403 PATCH "/certificate/binding/$(jq -r '.[0][".id"]' "$BODY")" '{"parameters":""}'
answers 200 POST /certificate/export-certificate '{"numbers":"web","export-passphrase":""}'
# It would reach what listens for this host alone.
answers 403 POST /tool/fetch "{\"url\":\"$REST/\",\"check-certificate\":\"no\",\"output\":\"user\"}"
REST_USER=root
answers 200 POST /tool/fetch "{\"url\":\"$REST/\",\"check-certificate\":\"no\",\"output\":\"user\"}"
answers 200 GET /user
if grep -q 'scrypt\|password' "$BODY"; then die "passwords are shown"; fi

# ---- what makes no sense ----
for path in '/../../../etc/passwd' '/file/..%2f..%2fsignet.db' '/certificate/%00' '/certificate/*1/x/y' '/certificate/a%0d%0aSet-Cookie:x' '//' '/file/%2fetc%2fpasswd' '/certificate/web%3b*1' '/certificate/web,web-ca'; do
    rest GET "$path"
    case $STATUS in
    4??) echo "ok: $path: $STATUS" ;;
    *) die "$path: $STATUS" ;;
    esac
done
if grep -qi set-cookie "$T/headers"; then die "a header was injected"; fi
answers 400 PUT /file '{"name":"../out","contents":"x"}'
answers 400 PUT /file '{"name":".hidden","contents":"x"}'
refused "a file outside" test -e "$SIGNET_HOME/out"
for body in '{' '[]' '{"name":{}}' '{"name":["a"]}' '{"name":"a","name":"b"}' '{"name":"a\u0000b"}'; do
    answers 400 PUT /certificate "$body"
done
printf '\xff\xfe{"name":"x"}' >"$T/bytes"
answers 400 PUT /certificate --data-binary "@$T/bytes" --header 'Content-Type: application/json'
answers 415 PUT /certificate --data 'name=x'
answers 415 POST /certificate/crl/flush
answers 415 POST /certificate/crl/flush --data '{}' --header 'Content-Type: text/plain'
head -c 20000 /dev/zero | tr '\0' '[' >"$T/deep"
answers 400 PUT /certificate --data-binary "@$T/deep" --header 'Content-Type: application/json'
head -c 3000000 /dev/zero >"$T/large"
rest PUT /file --data-binary "@$T/large" --header 'Content-Type: application/json'
case $STATUS in 413 | 000) echo "ok: a large body: $STATUS" ;; *) die "a large body: $STATUS" ;; esac
injected='x\" ]; /user add name=evil group=full password=12345678; [find'
answers 201 PUT /certificate "{\"name\":\"inj\",\"common-name\":\"$injected\"}"
answers 200 GET '/certificate/inj?.proplist=common-name'
has ".[\"common-name\"] == \"$injected\""
equal "no more users" "$(signet '/user print count-only')" 3
answers 204 DELETE /certificate/inj
www=$(free_port)
check "www" signet "/ip service set www port=$www disabled=no"
wait_port "$www" signetd
equal "not without TLS" "$(curl --silent --noproxy '*' --config "$T/curl.root" --output "$T/body" --write-out '%{http_code}' "http://127.0.0.1:$www/rest/certificate")" 404

# ---- a client that does not wait ----
answers 201 PUT /certificate '{"name":"slow","common-name":"slow","key-size":"8192","custody":"file"}'
rest POST /certificate/sign '{"numbers":"slow"}' --max-time 0.3
equal "it has gone" "$STATUS" 000
idle() { [ "$(ps -o stat= --ppid "$SIGNETD" | grep -c R)" = 0 ]; }
wait_until "the command is cancelled" idle
equal "nothing was signed" "$(get slow status)" template

# ---- how long it takes ----
cat >"$T/url" <<<"url = \"$REST/rest/certificate/web\""
for ((i = 0; i < 200; i++)); do printf 'next\nurl = "%s/rest/certificate/web"\ncacert = "%s/web-ca.crt"\nuser = "root:%s"\nwrite-out = "%%{time_total} %%{http_code}\\n"\noutput = "/dev/null"\nnoproxy = "*"\n' "$REST" "$FILES" "$REST_PASSWORD"; done | sed 1d >"$T/many"
curl --silent --config "$T/many" >"$T/times"
equal "all are answered" "$(awk '$2 == 200' "$T/times" | wc -l)" 200
echo "p50 and p99 of GET, in seconds: $(sort -n "$T/times" | awk '{ t[NR] = $1 } END { print t[int(NR * .5)], t[int(NR * .99)] }')"
kill "$SIGNETD"
check "it ends with status 0" wait "$SIGNETD"
