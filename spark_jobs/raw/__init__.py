"""The stores of a lake, and raw objects read as whole lines."""
