"""Airflow is imported by the tests of its plugins."""

from tests.airflow_home import set_up_airflow_home

set_up_airflow_home()
