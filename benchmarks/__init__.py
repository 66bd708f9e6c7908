"""Re-runnable comparisons, each with the peers' side in the same file, and converters of public data sets to events."""
