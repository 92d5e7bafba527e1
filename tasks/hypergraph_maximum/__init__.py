"""The maximum of some numbers: closed forms such as a tournament of pairs, and a classifier that recognises them."""
