"""What every DAG of ours has in common: tags, retries, pools, and the assets that connect one DAG to the next."""
