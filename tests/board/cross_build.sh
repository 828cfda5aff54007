#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Cross-builds Signet for the board of another architecture, in build-ARCH/. Usage: cross_build.sh ARCH
set -euo pipefail
cd "$(dirname "$0")/../.."
tests/board/board.sh --arch "$1" --prepare
cmake --preset "$1"
cmake --build --preset "$1"
