"""The memory of decisions: the record of one, the table of all, and the page that explains them to a person."""
