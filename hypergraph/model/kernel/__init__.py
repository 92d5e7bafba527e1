"""The hypernetwork and Adam in C. README.md describes the memory layouts."""

from hypergraph.model.kernel.binding import BLOCKS, adam_available, available, compiled_adam, compiled_hypernetwork

__all__ = ["BLOCKS", "adam_available", "available", "compiled_adam", "compiled_hypernetwork"]
