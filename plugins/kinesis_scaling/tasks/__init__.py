"""Airflow's vocabulary for scaling a stream: hook, sensor, triggers and operators."""
