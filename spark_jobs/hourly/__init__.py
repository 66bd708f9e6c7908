"""Job 2: `received_events` of event hours → `clean_events` and the hourly tables."""
