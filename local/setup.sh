#!/usr/bin/env bash
# Sets the environment up in a bare checkout: .venv from requirements.lock, jars/ from spark_jobs/jars.sha256, and
# jars/classes.jsa, from which Spark's JVM starts quicker.
# .venv knows the checkout's own packages, so that `python -m …` needs no PYTHONPATH once it is activated.
# Idempotent, and quick when nothing changed. Needs Python 3.11–3.13 and Java 17 or 21.
set -euo pipefail
cd -P "$(dirname "${BASH_SOURCE[0]}")/.."

say() { printf '%s\n' "$*" >&2; }
fail() { say "setup: $*"; exit 1; }

find_python() {
  local candidate
  for candidate in ${PYTHON:-} python3 python3.11 python3.12 python3.13; do
    command -v "$candidate" >/dev/null 2>&1 || continue
    "$candidate" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' && { echo "$candidate"; return; }
  done
  fail "no Python 3.11, 3.12 or 3.13 found on PATH; install one, or name it: make setup PYTHON=/path/to/python3.11"
}

check_java() {
  local java=${JAVA_HOME:+$JAVA_HOME/bin/}java version
  version=$("$java" -version 2>&1) || fail "Java not found (tried '$java'); Spark needs Java 17 or 21: install one, or set JAVA_HOME"
  version=$(sed -nE '1,3s/.*version "([0-9]+).*/\1/p' <<<"$version" | head -n 1)
  case $version in
    17 | 21) ;;
    *) fail "Java ${version:-of unknown version} found at '$java'; Spark needs 17 or 21: install one, or set JAVA_HOME to it" ;;
  esac
}

# The checkout and plugins/, whose packages Airflow would find by itself. The file also says for which folder .venv was
# installed: its programs have that path in their first lines, so a .venv that was moved or copied is installed again.
own_packages() {
  echo "$PWD"
  echo "$PWD/plugins"
}

remove_moved_environment() {
  local paths
  for paths in .venv/lib/python3.*/site-packages/clickstream.pth; do
    [[ -f $paths && $(<"$paths") != "$(own_packages)" ]] || continue
    say "setup: .venv was made for $(head -n 1 "$paths"): making it again here"
    rm -rf .venv
  done
}

find_own_packages() {
  local site
  for site in .venv/lib/python3.*/site-packages; do
    [[ -f $site/clickstream.pth ]] || own_packages >"$site/clickstream.pth"
  done
}

install_packages() {
  local stamp=.venv/installed.sha256
  sha256sum --check --status "$stamp" 2>/dev/null && return
  local python
  python=$(find_python)
  say "setup: installing the pinned packages into .venv (about a minute)"
  [[ -x .venv/bin/python ]] || "$python" -m venv .venv || fail "'$python -m venv' failed; on Debian or Ubuntu install python3-venv"
  [[ -x .venv/bin/uv ]] || {
    awk '/^[a-z]/ {wanted = /^uv==/} wanted' requirements.lock >.venv/uv.lock
    .venv/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps -r .venv/uv.lock
  }
  .venv/bin/uv pip sync --quiet --compile-bytecode --require-hashes --python .venv/bin/python requirements.lock
  sha256sum requirements.lock >"$stamp"
}

# Ivy, which comes with pyspark, fetches the four jars of the list; what would bring the 600 MB AWS SDK bundle is excluded,
# because iceberg-aws-bundle has the SDK inside. Ivy names a jar GROUP_NAME-VERSION.jar.
install_jars() {
  (cd jars 2>/dev/null && sha256sum --check --status ../spark_jobs/jars.sha256) && return
  say "setup: fetching Spark's four extra jars, 108 MiB (about 15 seconds)"
  local sdk=software.amazon.awssdk wanted ivy log=var/setup-jars.log
  wanted=$(sed -E 's/^[0-9a-f]+  ([^_]+)_(.+)-([0-9.]+)\.jar$/\1:\2:\3/' spark_jobs/jars.sha256 | paste -sd, -)
  mkdir -p var jars
  ivy=$(mktemp -d var/ivy.XXXXXX)
  echo "" >"$ivy/nothing.py"
  PATH="$PWD/.venv/bin:$PATH" spark-submit \
    --packages "$wanted" \
    --exclude-packages "org.wildfly.openssl:wildfly-openssl,$(printf "$sdk:%s," bundle s3 sdk-core utils annotations regions aws-core json-utils protocol-core auth)$sdk:http-client-spi" \
    --conf "spark.jars.ivy=$PWD/$ivy" "$ivy/nothing.py" >"$log" 2>&1 || { tail -n 15 "$log" >&2; fail "fetching the jars failed; all of its output is in $log"; }
  rm -f jars/*.jar jars/classes.*
  cp "$ivy"/jars/*.jar jars/
  rm -rf "$ivy"
  (cd jars && sha256sum --check --quiet ../spark_jobs/jars.sha256) || fail "a jar in jars/ is not the one in spark_jobs/jars.sha256; remove jars/ and run again"
}

# An archive fits one Java, and jars in one place and of one time. An image is set up before it has our code: there, and
# where it fails, jobs only start more slowly.
archive_classes() {
  local java=${JAVA_HOME:+$JAVA_HOME/bin/}java archive=jars/classes.jsa stamp=jars/classes.made-for key log=var/setup-classes.log
  [[ -f local/class_archive.py ]] || return 0
  key=$({ pwd; "$java" -version; } 2>&1; cat requirements.lock spark_jobs/jars.sha256 | sha256sum)
  [[ $archive -nt .venv/installed.sha256 && $(cat "$stamp" 2>/dev/null) == "$key" ]] && return
  say "setup: archiving the classes that Spark jobs load, so that they start in half the time (about 30 seconds)"
  mkdir -p var
  rm -f "$archive"
  .venv/bin/python -m local.class_archive >"$log" 2>&1 || { say "setup: no archive was made, so jobs start more slowly; see $log"; return 0; }
  echo "$key" >"$stamp"
}

[[ ${BASH_SOURCE[0]} == "$0" ]] || return 0 # a test takes single steps from here
check_java
remove_moved_environment
install_packages
find_own_packages
install_jars
archive_classes
