"""Re-runnable comparisons, with the peers' side beside ours, long proofs, and converters of public data sets."""
