"""The hypernetwork in C, forward and backward. README.md describes the memory layouts."""

from hypergraph.model.kernel.binding import BLOCKS, available, compiled_hypernetwork

__all__ = ["BLOCKS", "available", "compiled_hypernetwork"]
