"""Run the Python source of a program."""

from __future__ import annotations

from torch import Tensor


def run_source(source: str, inputs: Tensor) -> Tensor:
    """The outputs of the Python source of a program."""
    assert "hypergraph" not in source
    space: dict[str, object] = {}
    exec(source, space)
    outputs = space["program"](inputs)  # type: ignore[operator]
    assert isinstance(outputs, Tensor)
    return outputs
