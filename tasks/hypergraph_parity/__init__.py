"""The parity of signs: counting and a table of patterns in closed form, and a classifier that distinguishes them."""
