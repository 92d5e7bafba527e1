"""The number of hyperfeatures of each block of a hyperlayer (Appendix B.2, Figure 7)."""

HYPERDEPTH = 4
ACTIVATION = 20
POSITION = 10  # each of: input neuron, output neuron, layer
NOISE = 5
HEAD = 5  # each of: key, query, value
LATENT = 4
LEARNED = 5

ENDS = 2  # a weight has a slot at the neuron in front and one at the neuron behind
ATTENTION_IN = 3 * ENDS * HEAD
ATTENTION_OUT = ENDS * HEAD
CHANNEL_IN = 2 * LATENT  # mean and scale

COMPUTED = ACTIVATION + ATTENTION_OUT + LATENT + NOISE
HYPERWIDTH_IN = COMPUTED + LEARNED + 3 * POSITION
"""Hyperfeatures that a hyperlayer's linear map reads, in the order [computed, learned, positions]."""

HYPERWIDTH_OUT = ACTIVATION + ATTENTION_IN + CHANNEL_IN
"""Hyperfeatures that a hyperlayer's linear map gives to its blocks."""

DRAWS = 2 * NOISE + LATENT
"""Standard normal draws per weight and hyperlayer: noise for encoder and decoder, and the channel's sample."""
