"""What reads files of strangers: each target reads one input, and asserts that what it accepts is right."""

from __future__ import annotations

import ctypes
import json
import math
import os
import shutil
import signal
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass
from functools import cache, partial
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import torch
from work import Edge, Work

from fuzz import seeds
from hypergraph.analysis.classify import classify_strict
from hypergraph.analysis.finished import FinishedRun
from hypergraph.errors import HypergraphError
from hypergraph.experiment.run import same_networks
from hypergraph.foreign import load_any_network
from hypergraph.model.generator import Generator
from hypergraph.report.blobs import Blobs
from hypergraph.report.page import page
from hypergraph.runs.config import RunConfig
from hypergraph.runs.directory import RunDirectory, read_config
from hypergraph.spec import MAX_NETWORKS, MAX_WEIGHTS, MLPSpec
from hypergraph.storage.tensors import read_tensors
from hypergraph.training.step import Trainer
from hypergraph.weights import MLPWeights
from hypergraph_l1norm.classifier import L1NormClassifier

LINES = 2_000_000
"""Lines of Python that an input may take, of any size,"""
LINES_PER_BYTE = 30
"""and beyond these for each of its bytes."""
WAIT_S = 600
"""Seconds after which an input hangs that executes nothing."""
MEMORY = 10**9
"""Bytes that an input may take beyond what the process has taken before."""
LITTLE = 100
"""Weights of networks that are generated and run, too."""


class SlowError(BaseException):
    """An input waits for what never comes; nothing that catches errors may catch this."""


@dataclass(frozen=True)
class Target:
    """A reader of inputs.

    Attributes:
        name: also that of the file that an input is written into.
        read: reads the input from a folder of its own. Raises HypergraphError where it refuses, AssertionError where
            what it accepts is wrong.
        seeds: valid inputs.
        share: of all inputs that are made, relative to those of the other targets.
    """

    name: str
    read: Callable[[Path], None]
    seeds: Callable[[], list[bytes]]
    share: int = 1


def attempt(target: Target, data: bytes, folder: Path, edges: set[Edge] | None = None, counted: bool = True) -> str:
    """Read an input, adding what it reaches to `edges`; its work is counted, which takes long where there is much.

    Returns why it is refused, or nothing; raises whatever the contract does not allow.
    """
    _prepare(target, folder)
    path = folder / target.name
    path.write_bytes(data)
    peak = peak_memory(anew=True)
    reason = ""
    try:
        with _waiting(), Work(LINES + LINES_PER_BYTE * len(data), edges) if counted else nullcontext():
            target.read(path)
    except HypergraphError as error:
        reason = str(error)
        assert reason.isprintable(), f"no printable line: {reason!r}"
        assert 0 < len(reason) < 3_000, "no line that can be read"
    assert peak_memory() - peak < MEMORY, "it took too much memory"
    return reason


@cache
def _prepare(target: Target, folder: Path) -> None:
    """Read a valid input: what is imported or made once in a process is no work of any input."""
    (folder / target.name).write_bytes(target.seeds()[0])
    target.read(folder / target.name)


def peak_memory(anew: bool = False) -> int:
    """The most bytes that this process has taken since it was last asked to look `anew`, where Linux lets it.

    What is free within the heap goes back to the system before, so that to take it again counts.
    """
    if anew:
        _trim_heap()(0)
        with suppress(OSError):
            Path("/proc/self/clear_refs").write_text("5")
    line = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) * 1024


@cache
def _trim_heap() -> Callable[[int], object]:
    return getattr(ctypes.CDLL(None), "malloc_trim", lambda kept: None)  # other libraries than glibc have none


@contextmanager
def _waiting() -> Iterator[None]:
    def stop(*_: object) -> None:
        raise SlowError

    before = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, WAIT_S)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def _check_spec(spec: MLPSpec) -> None:
    assert MLPSpec.from_json(spec.to_json()) == spec
    assert hash(spec) == hash(MLPSpec.from_json(spec.to_json()))
    assert 0 <= spec.weight_count <= spec.dense_weights <= MAX_WEIGHTS
    assert len(spec.connections) == len(spec.sizes) - 1 + len(spec.skips)
    assert str(spec).isprintable()


def read_text(path: Path) -> None:
    """A network as --layers names it."""
    text = path.read_bytes().decode("utf-8", "surrogateescape")
    specs = MLPSpec.parse_all(text)
    assert 1 <= len(specs) <= MAX_NETWORKS
    for spec in specs:
        _check_spec(spec)
    if len(specs) == 1 and len(specs[0].sizes) <= 20:
        assert MLPSpec.parse(str(specs[0])) == specs[0]


def read_spec(path: Path) -> None:
    """A network in a file."""
    _check_spec(MLPSpec.parse(str(path)))


def _check_config(config: RunConfig) -> None:
    assert RunConfig.from_fields(json.loads(json.dumps(config.to_fields()))) == config
    assert [member for part in config.member_ranges for member in part] == list(range(config.members))
    assert config.networks.isprintable()
    for spec in config.specs:
        _check_spec(spec)
    assert config.recipe is None or 0 < config.recipe.learning_rate <= 1


def read_configuration(path: Path) -> None:
    _check_config(read_config(path))


def _check_network(network: MLPWeights) -> None:
    _check_spec(network.spec)
    tensors = (*network.weights, *network.biases)
    assert all(bool(torch.isfinite(tensor).all()) for tensor in tensors)
    assert network.lead == ()
    if network.spec.weight_count <= LITTLE:
        inputs = torch.zeros(3, network.spec.sizes[0], dtype=network.weights[0].dtype)
        assert network(inputs).shape == (3, network.spec.sizes[-1])


def read_network(path: Path) -> None:
    """A network of hypergraph, or a plain one."""
    network, _ = load_any_network(path, "relu")
    _check_network(network)
    network.save(path.with_name("again"))
    again, _ = MLPWeights.load(path.with_name("again"))
    assert again.spec == network.spec
    assert all(map(torch.equal, again.weights, network.weights))
    if network.spec.weight_count <= LITTLE:
        _refused(lambda: _check_verdict(network))


def _check_verdict(network: MLPWeights) -> None:
    (verdict,) = classify_strict(L1NormClassifier(), MLPWeights.stack([network]))
    assert verdict.algorithm in L1NormClassifier().colours


def read_generator(path: Path) -> None:
    generator, _ = Generator.load(path)
    assert generator.members >= 1
    assert all(bool(torch.isfinite(parameter).all()) for parameter in generator.parameters())
    for spec in generator.specs:
        _check_spec(spec)
    if generator.members <= 2 and sum(spec.weight_count for spec in generator.specs) <= LITTLE:
        rngs = [torch.Generator().manual_seed(n) for n in range(generator.members)]
        beta = torch.full((generator.members,), 1e-6, dtype=torch.float64)
        with torch.no_grad():
            networks, kl = generator(beta, generator.draw(rngs), encoder=generator.has_encoder)
        assert kl.shape == (generator.members, len(generator.specs))
        assert [network.spec for network in networks] == list(generator.specs)


@cache
def _trainer() -> Trainer:
    return seeds.trainer()


def read_state(path: Path) -> None:
    trainer = _trainer()
    trainer.restore(path)
    tensors, metadata = read_tensors(path)
    assert trainer.steps_done == int(metadata["step"])
    for name, parameter in trainer.generator.pareto.named_parameters():
        assert torch.equal(parameter, tensors[name])
        assert bool(torch.isfinite(parameter).all())


@cache
def _run(parent: Path) -> Path:
    return seeds.run(parent / "whole").path


def read_run(path: Path) -> None:
    """A run whose texts and links are those of the input."""
    folder = path.parent / "run"
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(_run(path.parent), folder, copy_function=os.link)
    if not _lay_out(path, folder):
        return
    run = RunDirectory.open(folder)
    _check_config(run.config)
    failures = [] if _refused(run.failures) else run.failures()
    for chunk in run.chunks:
        _refused(partial(chunk.rewind, 5, failures))
    _refused(lambda: same_networks(run, folder))
    opened = FinishedRun(run)
    for row in opened.rows:
        assert (folder / row["file"]).resolve().is_relative_to(folder.resolve())
        assert 0 <= row["member"] < run.config.members
        assert all(row[name] is None or math.isfinite(row[name]) for name in ("loss", "kl", "decoder_loss"))
        _refused(partial(_check_row, opened, row))
    assert all(len(column) == len(opened.rows) for column in opened.arrays().values())
    for _, members, file in run.checkpoints():
        assert file.is_relative_to(folder)
        assert len(members) >= 1
    assert opened.generator.specs == run.config.specs
    assert opened.generator.members == run.config.members


def _check_row(run: FinishedRun, row: Mapping[str, Any]) -> None:
    _check_network(run.network(row["member"], row["beta"]))


def _refused(read: Callable[[], Any]) -> bool:
    """Whether a part of a run is refused, which must not keep others from being read."""
    try:
        read()
    except HypergraphError:
        return True
    return False


def _lay_out(path: Path, folder: Path) -> bool:
    """Write what the input names into the folder; False where it cannot be written by anybody."""
    try:
        texts = json.loads(path.read_bytes())
        for name, content in texts.items():
            place = folder / name
            if not place.resolve().is_relative_to(folder.resolve()):
                return False
            place.parent.mkdir(parents=True, exist_ok=True)
            place.unlink(missing_ok=True)
            if isinstance(content, str):
                place.write_bytes(content.encode("utf-8", "surrogatepass"))
            elif content is None:
                os.mkfifo(place)
            elif isinstance(content, list):
                place.symlink_to(str(content[0]))
            else:
                place.mkdir()
    except (ValueError, OSError, AttributeError, IndexError, RecursionError):
        return False
    return True


def read_page(path: Path) -> None:
    """A text that a run may hold, wherever a report shows it."""
    text = path.read_bytes().decode("utf-8", "replace") or "-"  # what is empty has no row
    html = page([_with(text, seeds.REPORTED)], Blobs())
    assert _tags(html) == _right_tags()


@cache
def _right_tags() -> list[tuple[str, list[str]]]:
    return _tags(page([seeds.REPORTED], Blobs()))


def _with(text: str, value: Any) -> Any:
    """A value with every text in it replaced."""
    if isinstance(value, dict):
        return {name: _with(text, part) for name, part in value.items()}
    if isinstance(value, list):
        return [_with(text, part) for part in value]
    return text if isinstance(value, str) else value


def _tags(html: str) -> list[tuple[str, list[str]]]:
    """The elements of a page with the names of their attributes."""
    found: list[tuple[str, list[str]]] = []
    parser = HTMLParser()
    parser.handle_starttag = lambda tag, attrs: found.append((tag, [name for name, _ in attrs]))  # type: ignore[method-assign]
    parser.feed(html)
    parser.close()
    return found


TARGETS = [
    Target("text", read_text, lambda: seeds.TEXTS, 4),
    Target("spec.json", read_spec, seeds.specs, 4),
    Target("spec.toml", read_spec, lambda: [seeds.TOML], 4),
    Target("config.json", read_configuration, seeds.configs, 4),
    Target("network.safetensors", read_network, seeds.networks, 4),
    Target("generator.safetensors", read_generator, seeds.generators, 2),
    Target("state.safetensors", read_state, seeds.states, 1),
    Target("layout.json", read_run, seeds.layouts, 2),
    Target("page.txt", read_page, lambda: seeds.MARKUP, 1),
]
