#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# A clock that is off, as a router's without a battery is after a power cut: the server's certificate is not valid yet or
# not any more. The message asks about the clock, and does not advise to trust another root.
. "$(dirname "$0")/../lib.sh"
. "$(dirname "$0")/../pebble.sh"
store_start
pebble_start PEBBLE_WFE_NONCEREJECT=0
pebble_trust
# register_at WHEN NAME
register_at() { faketime "$1" "$BUILD/tools/signet" "/certificate acme account register name=$2 directory-url=$DIRECTORY custody=file"; }
for year in 1970 2036; do
    refused "in $year" register_at "$year-06-01 12:00:00" "in-$year"
    said 'certificate can.t be verified: .*(not yet valid|expired)' "is the clock right\? here it is $year-06-01 12:0[0-9] UTC"
    if grep -q 'import' "$OUT"; then die "what has a root to do with it?"; fi
done
check "today" register_at "$(date '+%F %T')" today
