"""A traffic trace and a scaling policy → what the stream would have thrown away, and what it would have cost."""
