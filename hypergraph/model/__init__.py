"""The hypernetwork of the paper (Appendix B.2, Figure 7), box by box, in the order of the data.

Shapes: M members, S sides (encoder and decoder, or the decoder alone), W weights of the target networks.

============================  ==================================================  ===================================
box of Figure 7               here                                                shapes
============================  ==================================================  ===================================
hyperhypernetwork             ``pareto.ParetoHyperhypernetwork``                  beta [M] -> hyperweights [M, count]
hypernetwork                  ``hypernetwork.hypernetwork``                       -> weight, KL [M, W]; bias [M, bias]
- linear operation            ``hyperlayer.Linear``                               [M, 74, S, W] -> [M, 58, S, W]
- the blocks of a hyperlayer  ``hyperlayer.blocks``, in C: ``kernel``             [M, 58, S, W] -> [M, 39, S, W]
- activation                  ``torch_blocks`` in ``hyperlayer`` (swish)          20 rows -> 20
- graph attention             ``attention.attention``                             30 rows -> 10
- information bottleneck      ``channel.channel``                                 8 rows -> 4, and KL [M, W]
- random variables            ``Generator.draw`` in ``generator``                 nothing -> 5 rows, a side its own
- learned hyperfeatures       ``hypernetwork.unflatten_hyperweights``             nothing -> 5 rows, of the encoder
- positional encodings        ``encodings.positional_encodings``                  nothing -> 30 rows, of all members
- first hyperlayer            ``hyperlayer.first_hyperlayer`` (reads nothing)     bias [M, 58, 1] -> [M, 39, S, W]
network                       ``generator.Generator``                             -> ``MLPWeights``, KL [M, spec]
============================  ==================================================  ===================================

The loss is the task's, the objective is in ``hypergraph.training``. ``dimensions`` has the numbers of rows and
``initial`` the hyperweights to start from, on which the paper is silent.
"""
