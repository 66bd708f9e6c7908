"""Firehose: from the shards of a Kinesis stream to objects in S3, each record in exactly one of them.

prefix, destination      a destination's configuration, and where an object goes
state, checkpoint        a delivery stream and how far it has delivered, on disk
source, delivery, pump   reading shards in order, building objects, buffering by size and time
service                  the table of operations, the background loop, the HTTP handler
"""
