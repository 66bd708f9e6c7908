"""Waiting for a landing hour to be complete, by the clock."""
