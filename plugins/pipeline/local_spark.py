"""`spark-submit` as a child of the Airflow worker, on the same machine.

The session's own configuration is in spark_jobs/; this module sets only what must be known before the JVM starts: the
class path, its memory, and a just-in-time compiler that suits a job of a minute. Killing the task kills the JVM, and
its Python driver ends with it.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from airflow.providers.apache.spark.operators.spark_submit import SparkSubmitOperator
from airflow.sdk import BaseHook, BaseOperatorLink, Context

#: Holds the master, e.g. `local[2]`. AIRFLOW_CONN_SPARK_LOCAL defines it, so that it need not be created by hand.
CONNECTION: Final = "spark_local"

#: These halve CPU and memory of a short job, and make a long one slower.
JVM_OPTIONS: Final = "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC"

#: The classes that `make setup` archived; loading them this way halves a job's start. A JVM that cannot use the archive
#: starts without it and says so among its errors. The option is quoted because Spark splits at spaces.
CLASS_ARCHIVE: Final = '"-XX:SharedArchiveFile={project}/jars/classes.jsa" -Xlog:disable -Xlog:all=warning:stderr'


class LocalSparkSubmitOperator(SparkSubmitOperator):
    """Run `spark_jobs/<entry_point>.py` of the repository at `project`.

    :param arguments: of the entry point; one that renders to nothing is left out. (templated)
    :param partition: the key of what the job works on, for its links. (templated)
    :param links: buttons on the task's page.
    """

    template_fields: Sequence[str] = (*SparkSubmitOperator.template_fields, "partition")

    def __init__(
        self,
        *,
        entry_point: str,
        project: Path,
        arguments: Sequence[str],
        partition: str = "",
        links: Sequence[BaseOperatorLink] = (),
        **kwargs: Any,
    ) -> None:
        log4j = f"-Dlog4j2.configurationFile={(project / 'spark_jobs' / 'log4j2.properties').as_uri()}"
        options = " ".join((JVM_OPTIONS, log4j, CLASS_ARCHIVE.format(project=project)))
        super().__init__(
            application=str(project / "spark_jobs" / f"{entry_point}.py"),
            application_args=list(arguments),
            conn_id=CONNECTION,
            name=entry_point,
            conf={
                "spark.driver.extraClassPath": f"{project}/jars/*",
                "spark.driver.extraJavaOptions": options,
                "spark.driver.memory": "1g",
            },
            # PYTHONPATH replaces the worker's: a job must not see plugins/, as it does not on EMR. The address keeps
            # Spark invisible outside this machine, and stops its warnings about the addresses that it did not choose.
            env_vars={"PYTHONPATH": str(project), "SPARK_LOCAL_IP": "127.0.0.1"},
            **kwargs,
        )
        self.partition = partition
        self.operator_extra_links = tuple(links)

    def execute(self, context: Context) -> None:
        """Run to the end; raise AirflowException, with the last lines of output, if the exit status is not 0."""
        # Without the connection the provider would submit to YARN, and fail far from the cause.
        BaseHook.get_connection(CONNECTION)
        self.application_args = [argument for argument in self.application_args or () if argument]
        super().execute(context)
