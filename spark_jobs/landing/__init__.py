"""Job 1: the raw objects of landing hours → `received_events`, `rejected_events`."""
