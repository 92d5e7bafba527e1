"""The L1 norm, the paper's task: its three algorithms in closed form, and a classifier that distinguishes them."""
