"""Export one generated network for other tools: as a torch program or as an ONNX file."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import torch
from torch.export import Dim, ExportedProgram, export

from hypergraph.errors import UsageError
from hypergraph.storage.atomic import write_bytes
from hypergraph.storage.schema import as_path
from hypergraph.torch_state import usual_torch
from hypergraph.weights import MLPWeights

PACKAGES = ("onnx", "onnxscript")


@usual_torch()
def to_program(network: MLPWeights) -> ExportedProgram:
    """Export a single network with `torch.export`: inputs [batch, input] -> outputs [batch, output], any batch."""
    example = torch.zeros(2, network.spec.sizes[0], dtype=network.weights[0].dtype, device=network.weights[0].device)
    return export(network.to_module(), (example,), dynamic_shapes=({0: Dim("batch")},))


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
    program = torch.onnx.export(
        to_program(network), input_names=["inputs"], output_names=["outputs"], dynamo=True, verbose=False
    )
    assert program is not None  # only the older exporter returns None
    write_bytes(as_path(path, "path"), program.model_proto.SerializeToString())
