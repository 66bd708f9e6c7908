"""The Airflow vocabulary of the event DAGs: settings, conventions, the Spark task, the sensor and the lake's status."""
