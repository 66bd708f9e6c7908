"""Raw objects: listed, planned over tasks, and read line by line."""
