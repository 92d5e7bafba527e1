"""A second implementation of Appendix B.2, slow and literal, to be read beside the paper's Figure 7.

One member and one network at a time, in float64, by message passing on DGL graphs whose edges are the weights of the
network. It shares no code with the fast implementation: only the order in which weights, hyperweights, hyperfeatures
and random draws are laid out, and the choices that the paper leaves open (the wavelengths of the positional encodings,
the range of log sigma).
"""

from hypergraph.graph.structure import load_dgl

load_dgl()  # beside a torch of today, DGL 2 can only be imported so; the modules below import it afterwards
# ruff: noqa: E402

from oracle.encodings import positional_encodings
from oracle.hypernetwork import Generated, hypernetwork
from oracle.mlp import run_mlp
from oracle.pareto import hyperhypernetwork

__all__ = [
    "Generated",
    "hyperhypernetwork",
    "hypernetwork",
    "positional_encodings",
    "run_mlp",
]
