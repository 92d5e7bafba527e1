"""The blocks of a hyperlayer in C, forward and backward. README.md describes the memory layouts."""

from hypergraph.model.kernel.binding import BLOCKS, available, compiled_blocks

__all__ = ["BLOCKS", "available", "compiled_blocks"]
