"""One raw line → an event as received, or a rejection; by the thousand in DuckDB, inside Spark's Python workers."""
