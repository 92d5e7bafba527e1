"""Addition modulo p: the clock and the pizza in closed form, and a classifier that distinguishes them."""
