# Shared by run, full and soak: where the checkout is, a scratch folder that goes away, one clone and one venv per purpose.
# Sourced, not executed.

here=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
scratch=$(mktemp -d)
chmod 755 "$scratch"
# what runs beside, if anything, ends with what started it: it leads a process group of its own
beside_id=
leave() {
    if [ -n "$beside_id" ]; then kill -- "-$beside_id" 2>/dev/null && wait "$beside_id" || true; fi
    chmod -R u+w "$scratch"
    rm -rf "$scratch"
}
trap leave EXIT

# compiled kernels go to a folder of this run, so that every run pays the first compilation, as a new user does
export NUMBA_CACHE_DIR="$scratch/kernels"
if [ -z "${BOXWRIGHT_REAL_DATA:-}" ] && [ -d "$here/../shared/real" ]; then
    BOXWRIGHT_REAL_DATA=$(cd "$here/../shared/real" && pwd)
    export BOXWRIGHT_REAL_DATA
fi

step() { printf '\n=== %s (%d s so far)\n' "$*" "$SECONDS"; }

# Debian's packages that optional tests use; without them those tests skip by name
debian_packages() {
    if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
        echo "not root, or no apt-get: $* not installed"
        return 0
    fi
    { apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends "$@" >/dev/null; } ||
        echo "could not install $*: tests that need them skip"
}

# a clone holds only what is committed, as a user gets it
fresh_clone() { git clone -q "$here" "$1"; }

# the N-th install-and-run command of the README, word for word
readme_command() {
    local commands
    mapfile -t commands < <(grep -E '^python3 -m venv \.venv && ' "$here/README.md")
    if [ "${#commands[@]}" != 2 ]; then
        echo "README.md: expected two commands that begin with 'python3 -m venv .venv && ', got ${#commands[@]}" >&2
        return 1
    fi
    printf '%s\n' "${commands[$1 - 1]}"
}

# open3d and the other rivals and oracles of the extra 'peers', into the venv of the current folder
install_peers() {
    .venv/bin/pip install -q open3d-cpu || .venv/bin/pip install -q open3d || echo "open3d not installed: its tests skip"
    .venv/bin/python - <<'PY' | xargs -d '\n' .venv/bin/pip install -q || echo "some peers not installed: their tests skip"
import tomllib
from pathlib import Path

peers = tomllib.loads(Path("pyproject.toml").read_text())["project"]["optional-dependencies"]["peers"]
print("\n".join(name for name in peers if not name.startswith("open3d")))
PY
}

# the clients that clients.txt names for one venv, which tests then ask through BOXWRIGHT_CLIENT_PYTHON
install_clients() {
    local place="$scratch/clients_$1" wanted alone
    mapfile -t wanted < <(awk -v venv="$1" '$1 == venv && $3 == "" { print $2 }' "$here/.ci/clients.txt")
    mapfile -t alone < <(awk -v venv="$1" '$1 == venv && $3 == "alone" { print $2 }' "$here/.ci/clients.txt")
    python3 -m venv "$place"
    # uv finds and fetches in seconds what pip takes minutes for
    if "$place/bin/pip" install -q uv && "$place/bin/uv" pip install -q --python "$place/bin/python" "${wanted[@]}" &&
        { [ "${#alone[@]}" = 0 ] || "$place/bin/uv" pip install -q --no-deps --python "$place/bin/python" "${alone[@]}"; }; then
        export BOXWRIGHT_CLIENT_PYTHON="${BOXWRIGHT_CLIENT_PYTHON:+$BOXWRIGHT_CLIENT_PYTHON:}$place/bin/python"
    else
        echo "not installed: ${wanted[*]} ${alone[*]}; tests that ask them skip by name"
    fi
}
