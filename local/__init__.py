"""This machine in the place of AWS: the local cloud, an Airflow, and the demo that runs the pipeline on both."""
