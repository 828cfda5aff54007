#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# External accounts (RFC 8555 section 7.3.4): a CA that takes no others, what it says of wrong ones, and that a right one is
# used after wrong ones. Pebble checks the binding.
. "$(dirname "$0")/../lib.sh"
. "$(dirname "$0")/../pebble.sh"
store_start
EAB=yes pebble_start PEBBLE_WFE_NONCEREJECT=0
pebble_trust
check "the port of www" signet "/ip service set www port=$HTTP_PORT"
register() { signet "/certificate acme account register directory-url=$DIRECTORY $*"; }
mac=zWNDZM6eQGHWpSRTPal5eIUYFTu7EajVIoguysqZ9wG44nMEtx3MUAsUDkMTQ12W
enable="/certificate enable-ssl-certificate dns-name=router.example.com directory-url=$DIRECTORY"
refused "none" signet "$enable"
said 'external accounts only: give eab-kid and eab-hmac-key'
refused "a key id that the CA does not know" signet "$enable eab-kid=kid-9 eab-hmac-key=$mac"
said 'kid-9|unauthorized|unknown'
refused "another's key" signet "$enable eab-kid=kid-1 eab-hmac-key=${mac//M/N}"
said 'HMAC|JWS|verif|signature|crypto'
refused "a key that is not base64url" signet "$enable eab-kid=kid-1 eab-hmac-key=a+b/"
said 'base64url'
refused "a key without its id" signet "$enable eab-hmac-key=$mac"
said 'eab-kid'
check "after all these the right ones" signet "$enable eab-kid=kid-1 eab-hmac-key=$mac"
equal "flags" "$(flags letsencrypt-router.example.com)" KI
check "again, without them" signet "$enable"
check "add-acme, with the other name of the parameter" signet "/certificate add-acme name=e domain-names=e.example.com directory-url=$DIRECTORY eab-kid=kid-1 eab-key=$mac"
equal "the secret is nowhere" "$(grep -rlaF "$mac" "$SIGNET_HOME" || :)" ''
check "HS384" register name=eab384 eab-kid=kid-1 eab-hmac-key=$mac eab-alg=HS384
# Its key has the 64 bytes that newer pebbles want.
check "HS512" register name=eab512 eab-kid=kid-2 eab-alg=HS512 \
    eab-hmac-key=b10lLJs8l1GPIzsLP0s6pMt8O0XVGnfTaCeROxQM0BIt2XrJMDHJZBM5NuQmQJQHb10lLJs8l1GPIzsLP0s6pMt8O0XV
equal "accounts" "$(signet '/certificate acme account print count-only')" 3
