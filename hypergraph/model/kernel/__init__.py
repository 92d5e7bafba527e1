"""The blocks of a hyperlayer in compiled C: one pass forward and one back. README.md shows the memory."""

from hypergraph.model.kernel.binding import BLOCKS, available, compiled_blocks

__all__ = ["BLOCKS", "available", "compiled_blocks"]
