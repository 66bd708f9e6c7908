"""EMR Serverless: a job run is a `spark-submit` of this machine's Spark, from the files that the job names in S3.

store     applications and job runs, one JSON document each
submit    a StartJobRun request → the command, files and environment of a child process, as EMR would read it
runner    one job's child process: its files, its end, its logs in S3
service   the operations, and the queue of jobs that wait for one of this machine's places
"""
