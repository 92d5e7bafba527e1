"""Products of disjoint pairs, summed: three ways in closed form, and a classifier that distinguishes them."""
