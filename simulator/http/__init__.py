"""Events on their way to the API: where they come from, how they are sent, and what became of them."""
