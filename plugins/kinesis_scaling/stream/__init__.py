"""A stream on AWS: what CloudWatch and Kinesis are asked of it, and the calls that change it. Without Airflow."""
