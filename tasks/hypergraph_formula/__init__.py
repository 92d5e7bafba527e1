"""A task for any formula that a user writes down, such as "abs(x0) + x1*x2"."""
