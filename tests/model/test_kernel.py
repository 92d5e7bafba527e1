"""The compiled blocks' library: one that is stale is refused, what it cannot hold is, and its C has no warnings."""

from __future__ import annotations

import logging
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from strategies import normal

from hypergraph.graph import ComputationGraph
from hypergraph.model.dimensions import DRAWS, HYPERDEPTH
from hypergraph.model.encodings import positional_encodings
from hypergraph.model.generator import Generator
from hypergraph.model.hypernetwork import hypernetwork, torch_hypernetwork
from hypergraph.model.kernel import available, binding
from hypergraph.rng import stream
from hypergraph.spec import MLPSpec

GRAPH = ComputationGraph.of(MLPSpec((2, 3, 1)))
SOURCE = Path(binding.__file__).parent / "blocks.c"
SOUND = "int blocks_abi_version(void) { return %d; } int blocks_struct_size(void) { return %d; }"
FITTING = binding.ABI_VERSION, binding.STRUCT_SIZE
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
    generator, draws = Generator.initial([MLPSpec((2, 3, 1))], [stream(0)]), normal(0, 1, HYPERDEPTH, DRAWS, 9).float()
    hyperweights = generator.pareto(torch.ones(1))
    inputs = hyperweights, draws, positional_encodings(GRAPH).float(), GRAPH, True
    for actual, expected in zip(hypernetwork(*inputs), torch_hypernetwork(*inputs), strict=True):
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
def test_networks_whose_slots_overflow_are_left_to_torch() -> None:
    """The numbers are never allocated."""
    most = binding.MAX_WEIGHTS
    assert available(torch.zeros(1), replace(GRAPH, target=GRAPH.target[:1].expand(most)))
    assert not available(torch.zeros(1), replace(GRAPH, target=GRAPH.target[:1].expand(most + 1)))


@needs_compiler
@pytest.mark.parametrize("threads", ["-fopenmp", "-Wno-unknown-pragmas"])
def test_the_source_compiles_without_warnings(threads: str) -> None:
    strict = ("-O1", "-Wall", "-Wextra", "-Werror", "-Wno-psabi", "-fsyntax-only", threads)
    done = subprocess.run([str(COMPILER), *strict, str(SOURCE)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
