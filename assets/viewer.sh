#!/usr/bin/env bash
# Makes the pictures of the viewer in the README and in docs/viewer.md anew: bash assets/viewer.sh
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
out=$(mktemp -d "${TMPDIR:-/tmp}/backflow-viewer.XXXXXX")
trap 'rm -rf "$out"' EXIT
viewer() { cargo run --profile "${PROFILE:-release}" -p backflow-viewer -- --headless --out "$out" "$@"; }
viewer --panels --surface --size 1120x640 --frames 12 --every 12 \
    scenes/rigid/push_box.ron
mv "$out/0012.png" assets/viewer.png
viewer --size 960x640 --frames 36 --every 36 --quality 2 scenes/gas/plume.ron
mv "$out/0036.png" assets/smoke.png
