"""What is done to a lake besides making its tables hour by hour."""
