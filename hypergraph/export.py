"""Export one generated network for other tools: as a torch program or as an ONNX file."""

from __future__ import annotations

import contextlib
import importlib.util
import logging
import warnings
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.export import Dim, ExportedProgram, export

from hypergraph.errors import UsageError
from hypergraph.storage.atomic import write_bytes
from hypergraph.storage.schema import as_path
from hypergraph.torch_state import usual_torch
from hypergraph.weights import MLPWeights

PACKAGES = ("onnx", "onnxscript")


def _traceable(network: MLPWeights) -> tuple[nn.Module, tuple[Tensor], Any]:
    """A module, example arguments, and the name of the axis whose size is free."""
    example = torch.zeros(2, network.spec.sizes[0], dtype=network.weights[0].dtype, device=network.weights[0].device)
    return network.to_module().train(False), (example,), ({0: Dim("batch")},)


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Silence what torch's exporters say about their own code; the caller may have turned warnings into errors."""
    logger = logging.getLogger("torch.onnx")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)


@usual_torch()
def to_program(network: MLPWeights) -> ExportedProgram:
    """Export a single network with `torch.export`: inputs [batch, input] -> outputs [batch, output], any batch."""
    module, example, shapes = _traceable(network)
    with _quiet():
        return export(module, example, dynamic_shapes=shapes, strict=False)


@usual_torch()
def to_onnx(network: MLPWeights, path: Path | str) -> None:
    """Write a single network as ONNX, with an input `inputs` [batch, input] and an output `outputs` [batch, output].

    ONNX Runtime cannot load float64 networks whose activation is gelu, leaky_relu, hardswish, mish or softplus;
    it loads them in float32.

    Raises:
        UsageError: the extra `onnx` is not installed.
        FileError: the file cannot be written.
    """
    missing = [name for name in PACKAGES if importlib.util.find_spec(name) is None]
    if missing:
        raise UsageError(f"ONNX needs {' and '.join(missing)}: pip install 'hypergraph-toolkit[onnx]'")
    module, example, shapes = _traceable(network)
    write = partial(torch.onnx.export, input_names=["inputs"], output_names=["outputs"], dynamo=True, verbose=False)
    with _quiet():
        program = write(module, example, dynamic_shapes=shapes)
    assert program is not None  # only the older exporter returns None
    write_bytes(as_path(path, "path"), program.model_proto.SerializeToString())
