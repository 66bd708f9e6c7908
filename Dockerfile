# One image for Airflow's services, the Spark jobs they submit and the local cloud: the checkout, set up like a laptop.
FROM python:3.11-slim-bookworm AS base
RUN apt-get update \
 && apt-get install -y --no-install-recommends openjdk-17-jre-headless procps \
 && apt-get clean && rm -rf /var/lib/apt/lists/*
WORKDIR /opt/clickstream

FROM base AS build
# The environment first, so that a change of code does not install it again.
COPY requirements.lock ./
COPY spark_jobs/jars.sha256 spark_jobs/jars.sha256
COPY local/setup.sh local/setup.sh
# The jars that `make setup` fetched are taken along if they are there (hence the pattern); else they are fetched.
COPY requirements.lock jar[s] jars/
RUN rm jars/requirements.lock \
 && local/setup.sh && rm -rf var ~/.cache
COPY contracts contracts
COPY storage storage
COPY simulator simulator
COPY infra infra
COPY local local
COPY spark_jobs spark_jobs
COPY live live
COPY plugins plugins
COPY dags dags
COPY docs/queries.md docs/queries.md
# The template while CDK is here, which with Node takes more room than Spark. Then everything goes that no service needs:
# of Spark the state of streaming queries, and the server of Spark Connect.
RUN .venv/bin/python -m infra.synth --environment local --out infra/template-local.json \
 && .venv/bin/uv pip sync --quiet --compile-bytecode --require-hashes --python .venv/bin/python local/requirements.lock \
 && rm .venv/lib/python3.*/site-packages/pyspark/jars/rocksdbjni-*.jar \
       .venv/lib/python3.*/site-packages/pyspark/jars/spark-connect_*.jar
# Now that there is code to run: the classes that it loads, from which each job's JVM starts in half the time.
RUN local/setup.sh && rm -rf var

FROM base
COPY --from=build /opt/clickstream /opt/clickstream
ENV PATH=/opt/clickstream/.venv/bin:$PATH \
    PYTHONPATH=/opt/clickstream:/opt/clickstream/plugins \
    AIRFLOW_HOME=/opt/clickstream/var/airflow \
    PYTHONUNBUFFERED=1
RUN useradd --create-home --uid 50000 airflow \
 && mkdir -p var/airflow/logs var/cloud \
 && chown -R airflow var
USER airflow
