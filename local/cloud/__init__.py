"""The local cloud: the AWS services of the pipeline on 127.0.0.1, in one process.

server, settings, process   serve a local cloud; run it as a child process, and build clients of it
emulator, snapshots, s3     ministack, the base: what we use of it, and its state made durable
kinesis, firehose, athena   services of our own; emr_serverless, too, which runs jobs on this machine
apigateway, cloudformation  the parts of ministack's services that differ from AWS's
files, json_protocol        durable files, and AWS's JSON protocol
errors                      what can go wrong

It is a test double: it has the calls that the pipeline makes, with AWS's limits, and refuses every other call by name.
The pipeline does not know this package; it sees an AWS endpoint.
"""
