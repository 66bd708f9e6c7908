"""What was decided, kept: the record of a decision, the table of them, and the page that tells a person of them."""
