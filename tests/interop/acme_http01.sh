#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# A certificate by ACME from pebble, http-01, in one command: enable-ssl-certificate.
. "$(dirname "$0")/../lib.sh"
. "$(dirname "$0")/../pebble.sh"
store_start
pebble_start
refused "a CA whose HTTPS certificate nobody trusts" \
    signet "/certificate enable-ssl-certificate dns-name=router.example.com directory-url=$DIRECTORY"
said 'verif'
pebble_trust
check "the port of www" signet "/ip service set www port=$HTTP_PORT"
check "enable-ssl-certificate" \
    signet "/certificate enable-ssl-certificate dns-name=router.example.com directory-url=$DIRECTORY"
cat "$OUT"
