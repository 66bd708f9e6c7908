"""Job 3: `clean_events` of days → `sessions`, `user_days` and the daily tables."""
