"""The sweep over the price of information."""

from pathlib import Path
from typing import Any

import pytest
import torch

from hypergraph.analysis.finished import FinishedRun
from hypergraph.analysis.measure import generate, measure_loss
from hypergraph.analysis.sweep import BETA_GRID, Sweep, sweep, sweep_chunk
from hypergraph.errors import PluginError
from hypergraph.model.generator import Generator
from hypergraph.rng import stream
from hypergraph.runs.directory import RunDirectory
from hypergraph.runs.records import NetworkRecord
from hypergraph.spec import MLPSpec
from hypergraph.weights import MLPWeights
from hypergraph_l1norm.classifier import L1NormClassifier
from hypergraph_l1norm.task import L1Norm

SPEC = MLPSpec((4, 8, 1))
GENERATOR = Generator.initial([SPEC], [stream(0, member, "initial") for member in range(3)])


def swept() -> list[tuple[NetworkRecord, MLPWeights]]:
    steps = sweep(GENERATOR, L1Norm(), L1NormClassifier(), seed=0, betas=(1e-9, 1e-2))
    return [measured for step in steps for measured in step]


def test_betas_are_thirty_increments_from_almost_free_to_one() -> None:
    assert len(BETA_GRID) == 31
    torch.testing.assert_close(torch.tensor([BETA_GRID[0], BETA_GRID[-1]]), torch.tensor([1e-12, 1.0]))


def test_every_member_is_measured_at_every_beta() -> None:
    found = swept()
    assert [(row.member, row.beta) for row, _ in found] == [(m, beta) for beta in (1e-9, 1e-2) for m in range(3)]
    for row, network in found:
        assert row.kl is not None
        assert row.kl >= 0
        assert float(measure_loss(L1Norm(), network, seed=0)) == pytest.approx(row.loss, rel=1e-4)
        assert {"double_sidedness", "strongest_connection", "seed_dependence"} <= set(row.order_parameters)
        assert row.algorithm in L1NormClassifier().colours


def test_part_of_a_run_is_swept_as_the_whole_was(copied: Path, run: tuple[Path, str, str]) -> None:
    """From what its chunk trained, or where that is gone, from the generator of all."""
    directory = RunDirectory.open(copied)
    expected = {(n.member, n.beta): n for n in FinishedRun(directory).result.networks}
    chunk = directory.chunks[-1]
    for file in (chunk.trained, directory.generator):
        job = Sweep.of(directory, chunk)
        assert job.generator == file
        found = sweep_chunk(job)
        assert [(n.beta, n.member) for n in found.records] == [(b, m) for b in BETA_GRID for m in chunk.members]
        assert list(found.files) == [record.file for record in found.records]
        for record in found.records:
            assert record == expected[record.member, record.beta]
            assert found.files[record.file] == (run[0] / record.file).read_bytes()
        chunk.trained.unlink(missing_ok=True)


class Clashing(L1NormClassifier):
    """An order parameter has the name of another column."""

    def order_parameters(self, weights: MLPWeights, sibling: MLPWeights | None = None) -> dict[str, torch.Tensor]:
        return {**super().order_parameters(weights, sibling), "loss": torch.zeros(weights.lead)}


def test_what_cannot_be_recorded_is_told() -> None:
    with pytest.raises(PluginError, match=r"cannot be recorded: .*'loss', which is another field"):
        next(sweep(GENERATOR, L1Norm(), Clashing(), seed=0))


def test_a_member_alone_generates_what_it_generates_among_others() -> None:
    among = generate(GENERATOR, 1e-6, seed=4, members=range(3)).networks
    alone = generate(GENERATOR.member(1), 1e-6, seed=4, members=[1]).networks
    torch.testing.assert_close(among.weights[0][1], alone.weights[0][0])


def test_siblings_and_the_decoder_alone_differ_from_the_sample() -> None:
    options: tuple[dict[str, Any], ...] = ({}, {"sibling": True}, {"encoder": False})
    samples = [generate(GENERATOR, 1e-6, seed=4, members=range(3), **option) for option in options]
    for other in samples[1:]:
        assert not torch.equal(samples[0].networks.weights[0], other.networks.weights[0])
    assert samples[0].kl.min() > 0
    assert samples[2].kl.abs().max() == 0
