"""Kinesis Data Streams: shards that really split and merge, records on disk, AWS's limits and metrics.

shards, record_log    the hash key space, sequence numbers and write limits; the records of a shard on disk
streams               a stream and its state, all streams of this cloud
put, read, control    the operations: records in; what exists, and records out; what changes a stream
metrics               what happened, as CloudWatch metrics
service               the table of operations, the lock, the HTTP handler, the wait of puts for the disk

Other parts of this process (CloudFormation) call `KinesisService.call("PutRecords", payload)`, which raises
`json_protocol.AwsError`; the scope is that of the request being answered.
"""
