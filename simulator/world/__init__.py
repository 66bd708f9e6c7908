"""The visitors of a shop: what they do, when, what goes wrong with their events, and what the tables must then hold."""
