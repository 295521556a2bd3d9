#!/usr/bin/env bash
# Runs every test of the workspace, doc tests included, and prints `N passed, M failed`.
#
#   bash tests/run.sh               all tests
#   bash tests/run.sh ARGUMENTS     the same, with arguments for `cargo test`, such as a test's name
#   bash tests/run.sh --prepare     only installs what is missing
#
# On a machine with apt-get it installs what is missing (see `needs`) and says so. Rust is not
# installed. The library of MuJoCo is installed by tests/mujoco.sh; where that fails, the tests that
# simulate grasps are left out. Exit code: 0 if every test passed. CARGO_TARGET_DIR is honoured.
set -euo pipefail

# What building and testing need besides cargo: a command, a library or a file, then the Debian
# packages that bring it.
needs=(
    "cc gcc libc6-dev" # rustc links with it
    # The viewer is rendered on the processor.
    "/usr/share/vulkan/icd.d/lvp_icd*.json mesa-vulkan-drivers"
    "libvulkan.so.1 libvulkan1"
    "libX11-xcb.so.1 libx11-6 libx11-xcb1"
    "libXcursor.so.1 libxcursor1"
    "libXi.so.6 libxi6"
    "libxkbcommon-x11.so.0 libxkbcommon0 libxkbcommon-x11-0"
    # A window is opened on a virtual screen, and driven by simulated mouse and keys.
    "Xvfb xvfb"
    "xdotool xdotool"
    "pip3 python3-pip" # brings the library of MuJoCo
)

fail() {
    printf 'tests/run.sh: %s\n' "$*" >&2
    exit 1
}

# Runs a command as root.
as_root() {
    if [ "$(id -u)" -eq 0 ]; then
        "$@"
    elif command -v sudo >/dev/null && [ -t 0 ]; then
        sudo "$@"
    elif command -v sudo >/dev/null; then
        sudo -n "$@" # nobody is there to type a password
    else
        fail "not root and no sudo; run as root: $*"
    fi
}

# Whether a command, a library (libNAME.so.N) or a file (with a pattern) is there.
there() {
    case "$1" in
        lib*.so*) PATH="$PATH:/sbin:/usr/sbin" ldconfig -p | grep -F "$1" >/dev/null ;;
        /*) compgen -G "$1" >/dev/null ;;
        *) command -v "$1" >/dev/null ;;
    esac
}

# Installs the packages of everything that is missing.
prepare() {
    local need missing="" packages="" words
    for need in "${needs[@]}"; do
        read -ra words <<<"$need"
        if ! there "${words[0]}"; then
            missing="$missing ${words[0]}"
            packages="$packages ${words[*]:1}"
        fi
    done
    if [ -n "$missing" ]; then
        command -v apt-get >/dev/null ||
            fail "missing:$missing; install it by hand (on Debian:$packages)"
        printf 'tests/run.sh: missing:%s; installing with apt-get:%s\n' "$missing" "$packages"
        read -ra words <<<"$packages"
        as_root apt-get update -qq
        as_root env DEBIAN_FRONTEND=noninteractive \
            apt-get install -y -qq --no-install-recommends "${words[@]}"
    fi

    # rustup's folder may not be on the path of a shell that no one logged in to.
    if ! command -v cargo >/dev/null && [ -x "${CARGO_HOME:-${HOME:-}/.cargo}/bin/cargo" ]; then
        export PATH="${CARGO_HOME:-${HOME:-}/.cargo}/bin:$PATH"
    fi
    command -v cargo >/dev/null ||
        fail "cargo is missing; install Rust (https://rustup.rs), version as in Cargo.toml: rust-version"
}

# A relative CARGO_TARGET_DIR means the caller's folder, not this project's.
case "${CARGO_TARGET_DIR:-}" in
    "" | /*) ;;
    *) export CARGO_TARGET_DIR="$PWD/$CARGO_TARGET_DIR" ;;
esac
cd "$(dirname "${BASH_SOURCE[0]}")/.."

prepare
features=()
if mujoco=$(bash tests/mujoco.sh); then
    export MUJOCO_DYNAMIC_LINK_DIR="$mujoco"
    export LD_LIBRARY_PATH="$mujoco${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}"
    features=(--features backflow-tests/mujoco)
else
    printf 'tests/run.sh: without MuJoCo, the tests that simulate grasps are left out\n'
fi
if [ "${1:-}" = "--prepare" ]; then
    exit 0
fi

log=$(mktemp "${TMPDIR:-/tmp}/backflow-tests.XXXXXX")
trap 'rm -f "$log"' EXIT

# All binaries run even if one fails, so that the sum is complete.
status=0
cargo test --workspace "${features[@]}" --no-fail-fast "$@" | tee "$log" || status=$?

# `test result: ok. 12 passed; 0 failed; ...`, one line a binary and one a crate's doc tests.
read -r passed failed <<<"$(awk '
    /^test result: / { passed += $4; failed += $6 }
    END { print passed + 0, failed + 0 }
' "$log")"

printf '\n%d passed, %d failed\n' "$passed" "$failed"
if [ "$failed" -ne 0 ]; then
    exit 1
elif [ "$status" -ne 0 ]; then
    fail "cargo test ended with status $status: it did not build, or a test binary crashed"
elif [ "$passed" -eq 0 ]; then
    fail "no test ran"
fi
