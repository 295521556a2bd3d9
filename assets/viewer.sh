#!/usr/bin/env bash
# Makes the picture of the viewer in the README anew: bash assets/viewer.sh
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
out=$(mktemp -d "${TMPDIR:-/tmp}/backflow-viewer.XXXXXX")
trap 'rm -rf "$out"' EXIT
cargo run --profile "${PROFILE:-release}" -p backflow-viewer -- \
    --headless --panels --surface --size 1120x640 --frames 12 --every 12 --out "$out" \
    scenes/rigid/push_box.ron
mv "$out/0012.png" assets/viewer.png
