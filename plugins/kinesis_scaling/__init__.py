"""How many shards a Kinesis stream should have: a pure policy, and what carries it out on AWS and in Airflow."""
