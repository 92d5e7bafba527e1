"""The hypernetwork of the paper (Appendix B.2, Figure 7), box by box, in the order of the data.

Shapes: M members, S sides (encoder and decoder, or the decoder alone), W weights of the target networks.

============================  ==================================================  ===================================
box of Figure 7               here                                                shapes
============================  ==================================================  ===================================
hyperhypernetwork             ``pareto.ParetoHyperhypernetwork``                  beta [M] -> hyperweights [M, count]
hypernetwork                  ``hypernetwork.hypernetwork``                       -> weight, KL [M, W]; bias [M, bias]
- linear operation            ``hyperlayer.Linear``                               [M, 74, S, W] -> [M, 58, S, W]
- the blocks of a hyperlayer  ``hyperlayer.blocks``                               [M, 58, S, W] -> [M, 39, S, W]
- activation                  in ``hyperlayer.blocks`` (swish)                    20 rows -> 20
- graph attention             ``attention.attention``                             30 rows -> 10
- information bottleneck      ``channel.channel``                                 8 rows -> 4, and KL [M, W]
- random variables            ``Generator.draw`` in ``generator``                 nothing -> 5 rows, per side
- learned hyperfeatures       ``hypernetwork.unflatten_hyperweights``             nothing -> 5 rows, encoder only
- positional encodings        ``encodings.positional_encodings``                  nothing -> 30 rows, all members
- first hyperlayer            ``hyperlayer.first_hyperlayer`` (reads nothing)     bias [M, 58, 1] -> [M, 39, S, W]
network                       ``generator.Generator``                             -> ``MLPWeights``, KL [M, spec]
============================  ==================================================  ===================================

On the CPU ``kernel`` computes the hypernetwork in C; the modules above are what it must equal, and what a GPU runs.
The task defines the loss, ``hypergraph.training`` the objective. ``dimensions`` has the numbers of rows, and
``initial`` the initial hyperweights, which the paper does not describe.
"""
