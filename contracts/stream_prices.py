"""What a Kinesis stream costs, in dollars: us-east-1, aws.amazon.com/kinesis/data-streams/pricing, as of 2025."""

from typing import Final

SHARD_HOUR: Final = 0.015
#: Of a shard whose records are kept longer than a day, beside that.
RETENTION_SHARD_HOUR: Final = 0.020
#: A put of up to 25 KB.
PUT_UNIT: Final = 0.014e-6

ON_DEMAND_STREAM_HOUR: Final = 0.04
#: A record counts as so many whole kilobytes; out is what each reader gets.
ON_DEMAND_RECORD_BYTES: Final = 1024
ON_DEMAND_GB_IN: Final = 0.08
ON_DEMAND_GB_OUT: Final = 0.04
