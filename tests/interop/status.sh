#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# signet status: what is served, what is due and when, what fails and why; and /metrics, for who may read it.
source "$(dirname "$0")/../lib.sh"
store_start
query() { sqlite3 -cmd '.timeout 10000' "$SIGNET_HOME/signet.db" "$1"; }
json() { signet status as-json | jq -r "$1"; }
status() { curl --silent --max-time 5 --output "$T/body" --write-out '%{http_code}' "$@" || :; }
port=$(free_port)

check "an empty store" signet status
said 'signetd does not run'
equal "as JSON" "$(json '[.ok, .signetd, (.items | length), (.attention | length)] | join(" ")')" 'true false 0 0'
refused "a word that is none" signet status nonsense
said 'as-json'
check "a CA" signet '/certificate add name=ca common-name=CA key-usage=key-cert-sign,crl-sign custody=file key-size=prime256v1; /certificate sign ca ca-crl-host=127.0.0.1'
check "a certificate" signet '/certificate add name=www common-name=www key-usage=tls-server custody=file key-size=prime256v1 renew=yes; /certificate sign www ca=ca valid-for=1h'
check "all is well" signet status
said '^ok +local +renew +39m.*www' '^ok +crl +sign .*ca$'
equal "when" "$(json '.items[] | select(.kind == "local") | .due')" "$(($(date -d "$(get www invalid-before)" +%s) + 2376))"
equal "what is renewed, its CRL" "$(json '[.items[] | .kind + " " + .name + " " + .state] | sort | join(",")')" 'crl ca ok,local www ok'

# ---- what needs attention ----
check "www" signet "/ip service set www port=$port address=127.0.0.0/8,::1 disabled=no"
refused "a service that nobody serves" signet status
said 'www is enabled, and signetd does not run' "www at port $port: not served"
spawn signetd "$BUILD/tools/signetd/signetd"
SIGNETD=$SPAWNED
wait_port "$port" signetd
check "it is served" signet status
said 'signetd runs' "www at port $port: served"
equal "as JSON" "$(json '.services[] | .name + " " + (.served | tostring)')" 'www true'
check "one that nothing renews" signet '/certificate add name=ends common-name=ends key-usage=tls-server custody=file key-size=prime256v1; /certificate sign ends ca=ca'
check "for a year" signet status
query "UPDATE certificate SET not_before = not_before - 86400 * 345, not_after = not_after - 86400 * 345 WHERE name = 'ends'"
refused "for twenty days more" signet status
said 'certificate ends expires in 2w[56]d.*, and nothing renews it'
check "set to be renewed" signet '/certificate set ends renew=yes'
wait_until "it is renewed" eval '[ "$(json .ok)" = true ]'
echo "ok: all is well again"
saved=$(query "SELECT pem FROM key WHERE id = (SELECT key FROM certificate WHERE name = 'ca')")
query "UPDATE key SET pem = 'nonsense' WHERE id = (SELECT key FROM certificate WHERE name = 'ca');
    UPDATE certificate SET not_before = not_before - 3000, not_after = not_after - 3000 WHERE name = 'www'"
fails() { ! signet status >"$OUT" 2>&1; }
wait_until "a CA that can't sign" fails
said "local www: renew has failed 1 time: a key of the store can't be loaded" '^failing +local +renew'
equal "as JSON" "$(json '.items[] | select(.name == "www") | "\(.failures) \(.state)"')" '1 failing'

# ---- metrics ----
url=http://127.0.0.1:$port/metrics
equal "metrics" "$(status "$url")" 200
cp "$T/body" "$OUT"
said '^signet_certificate_not_after_timestamp_seconds\{name="www"\} [0-9]+$' \
    '^signet_renewals_total\{kind="local",result="ok"\} 1$' '^signet_renewals_total\{kind="local",result="failed"\} 1$' \
    '^signet_renewal_failures\{kind="local",name="www"\} 1$' '^signet_crl_next_update_timestamp_seconds\{kind="crl",name="ca"\}' \
    '^signet_requests_pending 0$' '^signet_renewal_next_timestamp_seconds [0-9]+$' \
    '^signet_renewal_last_success_timestamp_seconds\{kind="local"\} [1-9]'
if [ -n "$(grep -vE '^(# (HELP|TYPE) [a-z_]+ .+|[a-z_]+(\{([a-z]+="[^"]*",?)*\})? -?[0-9]+)$' "$T/body")" ]; then
    die "no line of Prometheus's: $(grep -vE '^(#|[a-z_]+(\{|\ ))' "$T/body")"
fi
echo "ok: each line is one of Prometheus's format"
equal "its type" "$(curl --silent --output /dev/null --write-out '%{content_type}' "$url")" 'text/plain; version=0.0.4'
refused "networks that are none" signet '/system metrics set address=nonsense'
check "others may" signet '/system metrics set address=192.0.2.0/24'
equal "and this host may not" "$(status "$url")" 404
check "nobody may" signet '/system metrics set address=""'
equal "nor then" "$(status "$url")" 404
check "this host again" signet '/system metrics set address=127.0.0.1'
equal "metrics again" "$(status "$url")" 200

# ---- services are asked: that signetd runs does not say that they are served ----
check "www-ssl without a certificate" signet "/ip service set www-ssl port=$(free_port) disabled=no"
refused "it needs one" signet status
said 'www-ssl has no certificate'
check "off" signet '/ip service disable www-ssl'
taken=$(free_port)
spawn other perl -MIO::Socket::INET -e 'my $s = IO::Socket::INET->new(Listen => 5, LocalAddr => "127.0.0.1", LocalPort => $ARGV[0]) or die; sleep 60' "$taken"
wait_port "$taken" "another program"
check "a port that another program has" signet "/certificate add name=shown common-name=shown subject-alt-name=IP:127.0.0.1 custody=file key-size=prime256v1; /certificate sign shown; /ip service set www-ssl port=$taken certificate=shown disabled=no"
refused "it is not served" signet status
said 'www-ssl does not show its certificate'
kill "$SIGNETD"
check "signetd ends with status 0" wait "$SIGNETD"
