"""The compiled blocks' library: one that is stale is refused, what it cannot hold is, and its C has no warnings."""

from __future__ import annotations

import ctypes
import logging
import shutil
import subprocess
from pathlib import Path

import pytest
import torch
from strategies import normal

from hypergraph.graph import ComputationGraph
from hypergraph.model.dimensions import DRAWS, HYPERWIDTH_OUT
from hypergraph.model.hyperlayer import blocks, torch_blocks
from hypergraph.model.kernel import available, binding, compiled_blocks
from hypergraph.spec import MLPSpec

SOURCE = Path(binding.__file__).parent / "blocks.c"
SOUND = "int blocks_abi_version(void) { return %d; } int blocks_struct_size(void) { return %d; }"
FITTING = binding.ABI_VERSION, ctypes.sizeof(binding.WorkSlice)
COMPILER = shutil.which("gcc")

needs_compiler = pytest.mark.skipif(COMPILER is None, reason="there is no gcc")
needs_library = pytest.mark.skipif(binding._library is None, reason="the blocks were not compiled")


def compile_to(folder: Path, source: str) -> Path:
    path = folder / "_blocks.so"
    build = [str(COMPILER), "-shared", "-fPIC", "-x", "c", "-", "-o", str(path)]
    subprocess.run(build, input=source, text=True, check=True)
    return path


@needs_compiler
@pytest.mark.parametrize(
    "source",
    [
        SOUND % (FITTING[0] + 1, FITTING[1]),
        SOUND % (FITTING[0], FITTING[1] - 8),
        "int blocks_have_avx2(void) { return 0; }",
    ],
    ids=["another version", "another struct", "no version"],
)
def test_a_stale_library_is_refused_and_told_once(
    source: str, tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = compile_to(tmp_path, source)
    shutil.copy(path, tmp_path / "_blocks_serial.so")
    with caplog.at_level(logging.WARNING):
        library = binding.load(tmp_path)
    assert library is None
    assert caplog.messages == [f"{path} is stale, so torch operators do its work: install hypergraph again"]
    monkeypatch.setattr(binding, "_library", library)
    graph = ComputationGraph.of(MLPSpec((2, 3, 1)))
    inputs = normal(0, 1, HYPERWIDTH_OUT, 2, graph.weights), normal(1, 1, DRAWS, graph.weights), graph
    for actual, expected in zip(blocks(*inputs), torch_blocks(*inputs), strict=True):
        assert torch.equal(actual, expected)


@needs_compiler
def test_a_library_of_this_version_is_taken_without_a_word(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    compile_to(tmp_path, SOUND % FITTING)
    assert binding.load(tmp_path) is not None
    assert not caplog.messages


def test_where_no_library_was_built_nothing_is_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    assert binding.load(tmp_path) is None
    (tmp_path / "_blocks.so").write_text("not a library")
    assert binding.load(tmp_path) is None
    assert not caplog.messages


@needs_library
@pytest.mark.parametrize(("sides", "most"), [(1, (2**31) // 6), (2, (2**31) // 11)])
def test_networks_whose_places_overflow_are_left_to_torch(sides: int, most: int) -> None:
    """The last slot from behind lies HEAD rows of all sides below its front; the numbers are never allocated."""
    one = torch.zeros(1)
    assert available(one.expand(1, HYPERWIDTH_OUT, sides, most))
    assert not available(one.expand(1, HYPERWIDTH_OUT, sides, most + 1))


@needs_library
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_machines_without_avx2_get_the_same_but_for_rounding(
    dtype: torch.dtype, monkeypatch: pytest.MonkeyPatch
) -> None:
    graph = ComputationGraph.of(MLPSpec((7, 9, 5)))
    monkeypatch.setattr(binding, "_FLAVOUR", "")
    draws, along = normal(1, 2, DRAWS, graph.weights).to(dtype), normal(2, 2, 39, 2, graph.weights).to(dtype)
    found = []
    for way in (compiled_blocks, torch_blocks):
        preactivations = normal(0, 2, HYPERWIDTH_OUT, 2, graph.weights).to(dtype).requires_grad_()
        computed, kl = way(preactivations, draws, graph)
        ((computed * along).sum() + kl.sum()).backward()
        found.append((computed, kl, preactivations.grad))
    for actual, expected in zip(*found, strict=True):
        torch.testing.assert_close(actual, expected, rtol=1e-4, atol=1e-4)


@needs_compiler
@pytest.mark.parametrize("threads", ["-fopenmp", "-Wno-unknown-pragmas"])
def test_the_source_compiles_without_warnings(threads: str) -> None:
    strict = ("-O1", "-Wall", "-Wextra", "-Werror", "-Wno-psabi", "-fsyntax-only", threads)
    done = subprocess.run([str(COMPILER), *strict, str(SOURCE)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
