"""Products of disjoint pairs, summed: four neurons for each in closed form, and a classifier that recognises them."""
