"""The main job on one machine: traffic over HTTP → raw objects → Airflow and Spark → hourly and daily tables."""
