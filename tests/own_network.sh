#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Usage: own_network.sh COMMAND…    Runs a test in a network of its own, with nothing but loopback, so that no other test
# takes a port between its choice and its use. Without root it is the network of all.
set -euo pipefail
((EUID == 0)) || exec "$@"
exec unshare --net -- bash -c 'ip link set lo up && exec "$@"' own_network "$@"
