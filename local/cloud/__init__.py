"""The local cloud: the AWS services of the pipeline on 127.0.0.1, in one process.

The base is ministack (S3, Glue, CloudWatch, IAM, CloudFormation, API Gateway routing). What it lacks or does
differently from AWS is ours, as whole service modules: `kinesis`, `firehose`, `athena`, and the parts named in
`server.py`. It is a test double: it has the calls that the pipeline makes, with AWS's limits, and refuses every other
call by name. Nothing outside this package knows that it exists; everything else sees an AWS endpoint.
"""
