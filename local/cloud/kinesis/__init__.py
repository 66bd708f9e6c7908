"""Kinesis Data Streams: shards that really split and merge, records on disk, AWS's limits and metrics.

    shards, resharding, sequence   pure: the hash key space and its changes, record numbers
    record_log, throttle           a shard's records on disk; its write limit
    commit                         puts are answered when the disk has them, many with one wait
    stream, catalog                a stream, and all streams with their state on disk
    put, read, describe, control, resize   the operations
    service                        the table of operations, the lock, the HTTP handler

In process (API Gateway's integration, CloudFormation): `service.get().call("PutRecords", payload)`, which raises
`json_protocol.AwsError`; the scope is that of the request being answered.
"""
