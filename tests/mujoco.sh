#!/usr/bin/env bash
# Prints the folder of MuJoCo's library, for builds with `--features mujoco`:
#
#   export MUJOCO_DYNAMIC_LINK_DIR=$(bash tests/mujoco.sh)
#
# That is MUJOCO_DYNAMIC_LINK_DIR where it is set already, else a cache folder of the user. If the
# library is not there, it is taken from MuJoCo's package for Python, which is a ZIP file, and the
# script says so. Exit code: 0 if the library is there.
set -euo pipefail

# What the version of the crate mujoco-rs in Cargo.toml belongs to.
version=3.17.0

say() {
    printf 'tests/mujoco.sh: %s\n' "$*" >&2
}

if [ -n "${MUJOCO_DYNAMIC_LINK_DIR:-}" ]; then
    if [ ! -e "$MUJOCO_DYNAMIC_LINK_DIR/libmujoco.so" ]; then
        say "no libmujoco.so in MUJOCO_DYNAMIC_LINK_DIR, which is $MUJOCO_DYNAMIC_LINK_DIR"
        exit 1
    fi
    printf '%s\n' "$MUJOCO_DYNAMIC_LINK_DIR"
    exit
fi

folder="${XDG_CACHE_HOME:-${HOME:-/tmp}/.cache}/backflow-mujoco-$version"
if [ ! -e "$folder/libmujoco.so" ]; then
    if ! python3 -m pip --version >/dev/null 2>&1; then
        say "MuJoCo is not there, and neither is python3 with pip, which would install it"
        exit 1
    fi
    say "MuJoCo $version is not there; taking its library from PyPI into $folder"
    temporary=$(mktemp -d "${TMPDIR:-/tmp}/backflow-mujoco.XXXXXX")
    trap 'rm -rf "$temporary"' EXIT
    # Any Python will do: nothing of it runs.
    if ! python3 -m pip download --quiet --disable-pip-version-check --no-deps \
        --only-binary=:all: --python-version 3.12 --implementation cp \
        --dest "$temporary" "mujoco==$version" >&2; then
        say "it could not be had"
        exit 1
    fi
    python3 -m zipfile -e "$temporary"/mujoco-*.whl "$temporary/package"
    mkdir -p "$folder"
    cp "$temporary/package/mujoco/libmujoco.so.$version" "$folder"
    ln -sf "libmujoco.so.$version" "$folder/libmujoco.so"
fi
printf '%s\n' "$folder"
