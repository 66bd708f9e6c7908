"""Raw objects as the edge and Firehose leave them, of past hours or of a file of events."""
