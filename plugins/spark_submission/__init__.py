"""One of our Spark entry points → the Airflow task that runs it where this environment runs Spark."""

from spark_submission.task import spark_task

__all__ = ["spark_task"]
