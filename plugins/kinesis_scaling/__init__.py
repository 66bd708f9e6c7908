"""How many shards a Kinesis stream should have: a pure policy, and a simulator that shows what it would have done."""
