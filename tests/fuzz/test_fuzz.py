"""What hypothesis mutates is read as the contract says, and the fuzzer sees each breach of it."""

from __future__ import annotations

import contextlib
import signal
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from strategies import specs

from fuzz import guided, seeds, targets
from fuzz.mutate import mutate
from fuzz.targets import TARGETS, Target, attempt
from hypergraph.errors import HypergraphError
from hypergraph.spec import MLPSpec

EXAMPLES = 60
"""Of each target."""
mutated = settings(max_examples=EXAMPLES, suppress_health_check=list(HealthCheck))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("fuzz")


@pytest.mark.parametrize("target", TARGETS, ids=lambda target: target.name)
def test_valid_inputs_are_accepted(target: Target, folder: Path) -> None:
    assert [attempt(target, data, folder) for data in target.seeds()] == [""] * len(target.seeds())


@pytest.mark.parametrize("target", TARGETS, ids=lambda target: target.name)
@mutated
@given(random=st.randoms(use_true_random=False))
def test_mutated_inputs_are_right_or_refused(target: Target, folder: Path, random: Random) -> None:
    attempt(target, mutate(random, random.choice(target.seeds()), target.seeds()), folder)


@pytest.mark.parametrize("target", TARGETS, ids=lambda target: target.name)
@mutated
@given(data=st.binary(max_size=200) | st.text().map(lambda text: text.encode("utf-8", "surrogatepass")))
def test_whatever_else_is_right_or_refused(target: Target, folder: Path, data: bytes) -> None:
    attempt(target, data, folder)


PLAIN = st.none() | st.booleans() | st.integers() | st.floats() | st.text()
JSON = st.recursive(PLAIN, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=5)


@mutated
@given(spec=specs(3), name=st.sampled_from(MLPSpec.__struct_fields__), value=JSON)
def test_a_spec_with_any_value_in_a_field_is_right_or_refused(spec: MLPSpec, name: str, value: Any) -> None:
    with contextlib.suppress(HypergraphError):
        found = MLPSpec.from_fields({**msgspec.to_builtins(spec), name: value})
        assert MLPSpec.from_json(found.to_json()) == found
        assert getattr(found, name) in (value, tuple(value) if isinstance(value, list) else value)


def json_header(text: bytes) -> bytes:
    return len(text).to_bytes(8, "little") + text


def largest(part: int = 1) -> list[tuple[str, bytes]]:
    """Inputs of about the largest sizes that are read, or of a part of them, each by the name of its target."""
    config = seeds.configs()[0]
    return [
        ("text", b"1-1000," + b"1," * (20_000 // part) + b"1"),
        ("text", b"1," * (2**19 // part) + b"1"),
        ("text", b"1," + b"x1," * (2**18 // part) + b"1"),
        ("spec.json", b"[" + b"[]," * (2_750_000 // part) + b"[]]"),
        ("spec.json", b'{"sizes": [1, 1, 1], "skips": [' + b"[0,2]," * (1_350_000 // part) + b"[0,2]]}"),
        (
            "spec.json",
            b'{"sizes": [2800, 2800], "masks": [{"source": 0, "target": 1, "rows": [%s]}]}'
            % b",".join([b'"' + b"1" * 2800 + b'"'] * (2800 // part)),
        ),
        ("spec.toml", b"a = [" + b"[]," * (340_000 // part) + b"[]]"),
        ("spec.toml", b"a = 0x" + b"f" * (1_000_000 // part)),
        ("config.json", config.replace(b'"specs": [', b'"specs": [' + b'{"sizes": [1, 1]},' * (400_000 // part))),
        ("config.json", config.replace(b"[4, 2, 1]", b"[4" + b", 2" * (9_000 // part) + b", 1]")),
        (
            "config.json",
            config.replace(b'"specs": [', b'"specs": [' + b'{"sizes": [1%s]},' % (b",1" * 900) * (999 // part)),
        ),
        ("network.safetensors", json_header(b"{" + b'"a": {},' * (1_000_000 // part) + b'"a": {}}')),
        (
            "network.safetensors",
            json_header(b'{"__metadata__": {%s}}' % b",".join(b'"%x":""' % n for n in range(1_000_000 // part))),
        ),
        (
            "generator.safetensors",
            json_header(
                b'{"__metadata__": {"format": "hypergraph-generator", "format_version": "1", "specs": "[%s]"}}'
                % b",".join([b'\\"{\\\\\\"sizes\\\\\\":[1,1]}\\"'] * (600_000 // part))
            ),
        ),
    ]


LARGEST = largest()
COUNTED = [largest(16)[n] if n in (3, 4, 6, 8, 13) else LARGEST[n] for n in range(len(LARGEST)) if n != 10]
"""Of those that take millions of lines, a sixteenth, in which the square of the size would show."""


@pytest.mark.slow
@pytest.mark.parametrize(("name", "data"), LARGEST, ids=range(len(LARGEST)))
def test_the_largest_inputs_are_told_in_little_memory(name: str, data: bytes, folder: Path) -> None:
    attempt(next(target for target in TARGETS if target.name == name), data, folder, counted=False)


@pytest.mark.slow
@pytest.mark.parametrize(("name", "data"), COUNTED, ids=range(len(COUNTED)))
def test_large_inputs_take_work_in_proportion_to_their_size(name: str, data: bytes, folder: Path) -> None:
    attempt(next(target for target in TARGETS if target.name == name), data, folder)


def breach(path: Path) -> None:
    """By the first byte of the input."""
    kind = path.read_bytes()[:1]
    if kind == b"e":
        raise KeyError("raw")
    if kind == b"s":
        for _ in range(20_000):
            pass
    if kind == b"h":
        while True:
            pass
    if kind == b"p":
        signal.setitimer(signal.ITIMER_REAL, 1e-3)  # sooner than otherwise
        signal.pause()
    if kind == b"m":
        bytearray(10**8)
    if kind == b"n":
        error = HypergraphError("")
        error.args = ("two\nlines",)
        raise error
    if kind == b"w":
        raise AssertionError("wrong results")


@pytest.fixture(scope="module")
def freed_memory() -> Iterator[None]:
    """Memory that is free and that this process holds, as heavy tests leave it: to take it again must count, too."""
    blocks = [bytearray(2**16) for _ in range(4_000)]
    last = bytearray(2**16)  # what lies below it does not go back to the system
    blocks.clear()
    yield
    del last


@pytest.mark.parametrize("kind", [b"e", b"s", b"h", b"p", b"m", b"n", b"w"])
def test_a_breach_of_the_contract_is_seen(
    kind: bytes, tmp_path: Path, freed_memory: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(targets, "LINES", 10_000)
    monkeypatch.setattr(targets, "MEMORY", 5 * 10**7)
    tally = guided.fuzz(Target("breach", breach, lambda: [b"good", kind]), 2, 0, tmp_path)
    assert (tally.accepted, tally.refused, len(tally.failures)) == (1, 0, 1)


def test_coverage_guides_and_a_seed_repeats(folder: Path) -> None:
    """Fields that only an input with another right field before reaches."""
    target = next(target for target in TARGETS if target.name == "spec.json")
    first, again = (guided.fuzz(target, 200, 3, folder) for _ in range(2))
    assert first.failures == []
    assert first.inputs == 200
    assert (first.accepted, first.refused, first.edges, first.corpus) == (
        again.accepted,
        again.refused,
        again.edges,
        again.corpus,
    )
    assert first.corpus > 2 * len(target.seeds())
    assert str(first).startswith("             spec.json:     200 inputs")
