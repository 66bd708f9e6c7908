"""Users' ids → a lake that holds nothing of them but a hash: tables, raw objects, history and leftovers."""
