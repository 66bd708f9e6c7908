"""One of our Spark entry points → the Airflow task that runs it where this environment runs Spark."""

from spark_submission.links import raw_objects_link, table_links
from spark_submission.task import spark_task

__all__ = ["raw_objects_link", "spark_task", "table_links"]
