"""More sparse features than dimensions: polygons and other arrangements in closed form, and a classifier for them."""
