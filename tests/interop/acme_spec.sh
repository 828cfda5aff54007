#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The specification's two command lines for Let's Encrypt, as they stand there, in a world where Let's Encrypt is pebble
# behind nginx and router.example.com is this machine: port 443, port 80, names and all.
. "$(dirname "$0")/../lib.sh"
. "$(dirname "$0")/../pebble.sh"
lets_encrypt "$0"
store_start
refused "Let's Encrypt with a certificate that nobody trusts" signet '/certificate enable-ssl-certificate dns-name=router.example.com'
said 'https://acme-v02.api.letsencrypt.org/directory: the server.s certificate can.t be verified'
pebble_trust

check "enable-ssl-certificate dns-name=router.example.com" signet run - <<'END'
/certificate enable-ssl-certificate dns-name=router.example.com
END
said 'progress: \[success\] ssl certificate updated'
name=letsencrypt-router.example.com
equal "directory-url" "$(get $name directory-url)" https://acme-v02.api.letsencrypt.org/directory
first=$(get $name fingerprint)
grep -q '^GET /directory 200' "$T/front.requests" || die "nobody has asked for /directory: $(<"$T/front.requests")"

check "with directory-url of staging" signet run - <<'END'
/certificate enable-ssl-certificate dns-name=router.example.com \
    directory-url=https://acme-staging-v02.api.letsencrypt.org/directory
END
said 'progress: \[success\] ssl certificate updated'
equal "directory-url" "$(get $name directory-url)" https://acme-staging-v02.api.letsencrypt.org/directory
[ "$(get $name fingerprint)" != "$first" ] || die "the certificate is the one from before"
equal "an account at each" "$(signet '/certificate acme account print count-only')" 2
equal "www-ssl" "$(signet '/ip service get www-ssl certificate') $(signet '/ip service get www-ssl disabled')" "$name no"

# ---- the specification's advice for trouble: can the router be reached on port 80, does the name resolve? ----
check "a name that does not resolve" challtestsrv set-servfail '{"host": "gone.example.com"}'
refused "a certificate for it" signet '/certificate enable-ssl-certificate dns-name=gone.example.com'
said 'gone\.example\.com: the CA has not seen the response to http-01: .*resolve' 'does gone\.example\.com lead to port 80 of this router'
check "www elsewhere" signet '/ip service set www port=8080'
refused "nobody on port 80" signet '/certificate enable-ssl-certificate dns-name=www.example.com'
said 'connection: Get "?http://www\.example\.com(:80)?/\.well-known/acme-challenge/' 'is port 80 reachable from the internet'
equal "www-ssl has what it had" "$(signet '/ip service get www-ssl certificate')" "$name"
