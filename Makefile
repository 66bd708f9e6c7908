# The project's commands. Everything runs in .venv, which `make setup` makes; every target sets it up when needed.
SHELL := /bin/bash
.DEFAULT_GOAL := help
PATH := $(CURDIR)/.venv/bin:$(PATH)
export PATH
export PYTHONPATH := $(CURDIR):$(CURDIR)/plugins
# By whole files, in the order of tests/conftest.py; a log says which tests take longest.
PYTEST := python -m pytest --dist loadfile --no-loadscope-reorder --durations=40
LOCK := uv pip compile --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-annotate --no-header --quiet

.PHONY: help
help: ## Show this list
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: setup
setup: ## Make .venv and jars/ (Python 3.11–3.13, Java 17 or 21); quick when nothing changed
	@local/setup.sh

.PHONY: demo
demo: setup ## The main job: local cloud, traffic over HTTP, Airflow, hourly tables (SPIKE=0: without scaling and late events, quicker; KEEP=0: check and end)
	@python -m local.demo $(if $(filter 0,$(KEEP)),--check) $(if $(filter 0,$(SPIKE)),--no-spike)

.PHONY: run
run: setup ## Your own events through the jobs, without Airflow: make run INPUT=events.jsonl OUT=dir (DATA=retentioneering or rees46: a public data set beside its published figures)
ifdef DATA
	@test -n "$(OUT)" || { echo "usage: make run DATA=retentioneering|rees46 OUT=dir [FOLDER=dir]" >&2; exit 2; }
	@python -m benchmarks.public_figures "$(DATA)" --out "$(OUT)" $(if $(FOLDER),--folder "$(FOLDER)")
else
	@test -n "$(INPUT)" -a -n "$(OUT)" || { echo "usage: make run INPUT=events.jsonl[.gz] OUT=dir" >&2; exit 2; }
	@python spark_jobs/run_events_file.py --input "$(INPUT)" --out "$(OUT)"
endif

# SQL as it was typed: make would read `$.event` and `daily_traffic$history` as variables of its own.
override QUERY := $(value QUERY)
export QUERY

.PHONY: sql
sql: setup ## A DuckDB shell on the demo's lake, on AWS (ENV=prod), or on what make run wrote (OUT=dir); make sql QUERY="SELECT …" runs one query
	@python -m local.lake_shell $(if $(OUT),--run "$(OUT)") $(if $(ENV),--environment "$(ENV)") $(if $(QUERY),--query "$$QUERY")

.PHONY: test
test: setup ## The everyday tests: unit, property, Spark, DAG, conformance (SLOW=1: the slow ones, too, as in CI)
	$(PYTEST) -n 3 -m "not e2e and not compose$(if $(SLOW),, and not slow)" # a sixth of the time, two would wait

.PHONY: e2e
e2e: setup ## The end-to-end tests through every real component
	$(PYTEST) -n 3 -m e2e # three on two cores: they wait for whole minutes, buffers and schedulers much of the time

.PHONY: test-emr
test-emr: setup ## Spark's tests with exactly what EMR has, Spark 4.0.2 and Iceberg 1.10.1, in a copy of the checkout (as long as `make test`)
	@local/emr_release/test.sh -n 3 -m "spark and not e2e"
	@local/emr_release/test.sh tests/e2e/test_cluster.py

.PHONY: bench
bench: setup ## The pipeline beside DuckDB, Polars and plain PySpark: make bench EVENTS=10000000
	@python -m benchmarks.pipeline --events $(or $(EVENTS),1000000)
	@python -m benchmarks.pipeline --events 200000 --hours 10000 --rounds 1 --contenders ours duckdb_script

.PHONY: check
check: setup ## Format, lint, types, architecture, freshness of generated docs
	ruff format --check
	ruff check
	mypy
	lint-imports
	python -m contracts --check
	python -m benchmarks.scaling write-docs --check
	python -m infra.cost --check-docs
	cd tracker && sha256sum --check --quiet SHA256SUMS || { echo 'tracker/dist is not what the sources become: make tracker' >&2; exit 1; }
	if [[ -f tracker/node_modules/installed.sha256 ]]; then tracker/setup.sh --build --check; fi

.PHONY: tracker
tracker: setup ## Build tracker/dist/clickstream.js, the browser's part; fails above 2,048 bytes of gzip
	@tracker/setup.sh --build

.PHONY: arch
arch: setup ## Who may import what
	lint-imports

.PHONY: format
format: setup ## Format and fix what can be fixed
	ruff format
	ruff check --fix

.PHONY: docs
docs: setup ## Generate docs/event.md, tables.md and data-checks.md from contracts/, scaling-explained.md from the policy, cost.md from the prices
	python -m contracts
	python -m benchmarks.scaling write-docs
	python -m infra.cost --write-docs

.PHONY: cloud
cloud: setup ## The local cloud alone, on port 4566 (python -m infra.deploy puts the template on it)
	python -m local.cloud serve --port 4566 --state var/cloud

HAS_ENV = test -n "$(ENV)" || { echo "which environment? Say ENV=dev or ENV=prod" >&2; exit 2; }

.PHONY: synth
synth: setup ## The CloudFormation template of each environment, into var/template-ENV.json
	@for environment in local dev prod; do \
		python -m infra.synth --environment $$environment --out var/template-$$environment.json || exit 1; done

.PHONY: snapshot
snapshot: setup ## Write production's template anew for reviewers, after a change of it that is meant (tests/infra/template.snapshot.txt)
	@python -m tests.infra.snapshot

.PHONY: diff
diff: setup ## What a deployment would change, in words: make diff ENV=prod
	@$(HAS_ENV)
	@python -m infra.diff --environment "$(ENV)"

.PHONY: deploy
deploy: setup ## Create or update the stack on AWS: make deploy ENV=dev (ADOPT=1: take over what an earlier stack left)
	@$(HAS_ENV)
	@python -m infra.deploy --environment "$(ENV)" $(if $(ADOPT),--adopt) $(if $(CONFIRM),--confirm "$(CONFIRM)")

.PHONY: destroy
destroy: setup ## Delete the stack, after saying what goes and what stays: make destroy ENV=dev
	@$(HAS_ENV)
	@python -m infra.destroy --environment "$(ENV)" $(if $(CONFIRM),--confirm "$(CONFIRM)")

.PHONY: outputs
outputs: setup ## The variables that Airflow needs, from the stack, as lines of .env: make outputs ENV=prod
	@$(HAS_ENV)
	@python -m infra.outputs --environment "$(ENV)"

.PHONY: package
package: setup ## Build the package of Spark's jobs for EMR Serverless, code and Python environment: make package ENV=prod
	@python -m infra.package $(if $(ENV),--environment "$(ENV)")

.PHONY: publish
publish: setup ## Build it, and upload it under its version to an environment's code bucket: make publish ENV=dev
	@$(HAS_ENV)
	@python -m infra.publish --environment "$(ENV)"

.PHONY: env
env: setup ## Write .env for docker-compose: random secrets, and the local cloud to work on
	@python -m local.compose.environment

.PHONY: compose-test
compose-test: setup ## docker-compose for real: builds the image, backfills, kills each service; needs a Docker engine
	$(PYTEST) -m compose

.PHONY: lock
lock: setup ## Resolve pyproject.toml into the hashed requirements.lock, and of it what the jobs' package and the image of docker-compose have
	$(LOCK) pyproject.toml --group spark --group local --group infra --group dev -o requirements.lock
	$(LOCK) --group spark --constraint requirements.lock -o spark_jobs/requirements.lock
	$(LOCK) pyproject.toml --group spark --group local --constraint requirements.lock -o local/requirements.lock

# OSV answers for PyPI's advisories and GitHub's; --strict: what it could not look up is a failure.
.PHONY: audit
audit: setup ## Known vulnerabilities of what the locks pin, by OSV and npm; needs the internet
	uv tool run pip-audit==2.10.1 --strict --require-hashes --disable-pip --vulnerability-service osv --requirement requirements.lock
	@tracker/setup.sh --audit

.PHONY: clean
clean: ## Remove what the project made, but not .venv and jars/
	rm -rf var .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
