"""Firehose: from the shards of a Kinesis stream to objects in S3, each record in exactly one of them.

destination   the configuration of a delivery stream, and the prefix of an object
checkpoint    how far a delivery stream has delivered, and the object that it is writing
pump          one delivery stream at work: reads shards in order, buffers by size and time, uploads
service       all delivery streams, the table of operations, the background loop
"""
