"""A stream on AWS, without Airflow: what CloudWatch and Kinesis say about it, and the calls that change it."""
