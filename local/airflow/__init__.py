"""Airflow on this machine, without Docker: its four processes as one context manager, and a small client of its API."""

from local.airflow.api import ENDED, AirflowApi, AirflowApiError, DagRun, OpenQuestion, TaskState, all_ended
from local.airflow.service import LocalAirflow

__all__ = ["ENDED", "AirflowApi", "AirflowApiError", "DagRun", "LocalAirflow", "OpenQuestion", "TaskState", "all_ended"]
