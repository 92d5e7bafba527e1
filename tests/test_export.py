"""An exported network computes what the network computes, for any batch."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from hypergraph import export
from hypergraph.errors import FileError, UsageError
from hypergraph.spec import MLPSpec
from hypergraph.weights import MLPWeights

pytestmark = pytest.mark.slow
SPECS = [
    MLPSpec((4, 8, 1)),
    MLPSpec((3, 5, 4, 2), "relu", bias=False),
    MLPSpec((4, 8, 6, 1), "tanh", skips=((0, 2), (1, 3), (0, 3))),
    MLPSpec((4, 6, 5, 4, 2), ("square", "identity", "gelu")),
]


def network(spec: MLPSpec) -> MLPWeights:
    rng = torch.Generator().manual_seed(0)
    weights = [torch.randn(spec.sizes[c.target], spec.sizes[c.source], generator=rng) for c in spec.connections]
    biases = [torch.randn(size, generator=rng) for size in spec.sizes[1:]] if spec.bias else []
    return MLPWeights(spec, tuple(weights), tuple(biases))


@pytest.mark.parametrize("spec", SPECS, ids=str)
@pytest.mark.parametrize("batch", [1, 2, 7])
def test_a_program_computes_the_same(spec: MLPSpec, batch: int) -> None:
    inputs = torch.randn(batch, spec.sizes[0])
    program = export.to_program(network(spec))
    assert torch.allclose(program.module()(inputs), network(spec)(inputs), atol=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize("spec", SPECS, ids=str)
def test_onnx_computes_the_same(spec: MLPSpec, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """Without a word, while warnings are errors."""
    onnx = pytest.importorskip("onnx.reference")
    pytest.importorskip("onnxscript")
    export.to_onnx(network(spec), tmp_path / "net.onnx")
    session = onnx.ReferenceEvaluator(str(tmp_path / "net.onnx"))
    axes = [
        value.type.tensor_type.shape.dim[0].dim_param
        for value in (*session.proto_.graph.input, *session.proto_.graph.output)
    ]
    assert axes == ["batch", "batch"]
    assert capfd.readouterr() == ("", "")
    for batch in (1, 5):
        inputs = torch.randn(batch, spec.sizes[0])
        (outputs,) = session.run(None, {"inputs": inputs.numpy()})
        assert torch.allclose(torch.from_numpy(outputs), network(spec)(inputs), atol=1e-5)


def test_a_missing_extra_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(UsageError, match=r"pip install 'hypergraph-toolkit\[onnx\]'"):
        export.to_onnx(network(SPECS[0]), tmp_path / "net.onnx")


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    pytest.importorskip("onnxscript")
    with pytest.raises(FileError, match="cannot write"):
        export.to_onnx(network(SPECS[0]), tmp_path / "nowhere" / "net.onnx")
