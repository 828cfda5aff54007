#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The unit tests on the board, in the build for it: its processor and its kernel.
# shellcheck disable=SC2034 # for lib.sh
BOARD=(--no-pka --timeout 850)
. "$(dirname "$0")/lib.sh"

echo "Linux $(uname -r), $(uname -m)"
ctest --test-dir "$BUILD" -L '^unit$' --no-tests=error --output-on-failure -j "$(nproc)"
