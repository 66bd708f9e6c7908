#!/usr/bin/env bash
# Runs Spark's tests with exactly what EMR's release emr-spark-8.0.0 has, Spark 4.0.2 and Iceberg 1.10.1, where the lock
# has newer ones. They are installed into a copy of the checkout, in var/emr-release; arguments are pytest's.
set -euo pipefail
cd -P "$(dirname "${BASH_SOURCE[0]}")/../.."
copy=$PWD/var/emr-release
mkdir -p "$copy"

# What git would take; a file that is gone here goes there, too, but the copy keeps its .venv and jars.
find "$copy" -mindepth 1 -maxdepth 1 ! -name .venv ! -name jars ! -name var -exec rm -rf {} +
git ls-files -z --cached --others --exclude-standard --deduplicate | xargs -0 sh -c '
  for file; do [ -f "$file" ] && printf "%s\0" "$file"; done' sh | tar --null --files-from=- --create | tar --extract --directory "$copy"
cp local/emr_release/jars.sha256 "$copy/spark_jobs/jars.sha256"

cd "$copy"
local/setup.sh
.venv/bin/uv pip install --quiet --python .venv/bin/python --require-hashes --no-deps --requirements local/emr_release/requirements.txt
export PATH=$copy/.venv/bin:$PATH PYTHONPATH=$copy:$copy/plugins
python - <<'PYTHON'
import pyspark
from pathlib import Path
jars = ", ".join(sorted(path.name for path in Path("jars").glob("*iceberg-spark*.jar")))
print(f"tests with pyspark {pyspark.__version__} and {jars}", flush=True)
PYTHON
exec python -m pytest --dist loadfile --no-loadscope-reorder "$@"
