"""Which network to generate: layer sizes, activations, bias, skip connections, masks.

An `MLPSpec` is pure data. This module imports no torch, so the command line refuses a malformed spec at once.
"""

from __future__ import annotations

import itertools
import json
import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Literal, TypeAlias, get_args

import msgspec
from msgspec import Meta, Struct

from hypergraph.errors import FileError, SpecError
from hypergraph.storage.schema import SHORT, Count, as_path, as_record, plain, settle
from hypergraph.storage.untrusted import MAX_JSON_BYTES, MAX_TOML_BYTES, parse_json, parse_toml, read_text

# fmt: off
Activation: TypeAlias = Literal[
    "celu", "elu", "gelu", "hardshrink", "hardsigmoid", "hardswish", "hardtanh", "identity", "leaky_relu", "logsigmoid",
    "mish", "relu", "relu6", "selu", "sigmoid", "silu", "softplus", "softshrink", "softsign", "square", "tanh",
    "tanhshrink",
]
# fmt: on
ACTIVATIONS: tuple[str, ...] = get_args(Activation)
"""The identity, the square, and the elementwise functions of `torch.nn.functional` that need no other argument and draw
no random numbers."""

MAX_LAYERS_SHOWN = 20
"""Most layers that `str` shows."""
RANGE = re.compile("([0-9]{1,12})(?:-([0-9]{1,9})(?::([1-9][0-9]{0,8}))?)?|x([0-9]{1,6})")
"""A size, a range `first-last:step` of sizes, or a multiple `xN` of the previous layer."""
MAX_NETWORKS = 1_000
"""Most networks that one text may stand for."""
MAX_LAYERS = 100_000
"""Most layers of several networks together."""
MAX_WEIGHTS = 2**31 - 1
"""Most weights that can be indexed."""
MAX_CONNECTIONS = 10_000
"""Most pairs of layers that are connected."""


class Connection(Struct, frozen=True, forbid_unknown_fields=True):
    """All weights from neuron layer `source` to neuron layer `target` (layer 0 is the input).

    Attributes:
        source: the layer that the weights read.
        target: the layer that they feed.
        rows: the mask: one text of 0s and 1s per target neuron, one character per source neuron; null keeps all.
    """

    source: Count
    target: Count
    rows: tuple[str, ...] | None = None


class MLPSpec(Struct, frozen=True, forbid_unknown_fields=True):
    """A multilayer perceptron to generate.

    Attributes:
        sizes: neurons per layer, input first, output last; at least two layers.
        activation: the function that is applied to every hidden layer, or a list of one for each hidden layer.
        bias: whether every neuron after the input layer has a bias.
        skips: pairs (source, target) of neuron layers, target - source >= 2, connected by their own weights.
        masks: connections, consecutive or skips, that keep only some of their weights.

    Raises:
        SpecError: naming the wrong field and what would be right.
    """

    sizes: Annotated[tuple[Annotated[int, Meta(ge=1, le=MAX_WEIGHTS)], ...], Meta(min_length=2)]
    activation: Activation | Annotated[tuple[Activation, ...], Meta(min_length=1)] = "silu"
    bias: bool = True
    skips: tuple[tuple[Count, Count], ...] = ()
    masks: tuple[Connection, ...] = ()

    def __post_init__(self) -> None:
        # connections are checked here, because graphs make thousands of them
        msgspec.structs.force_setattr(self, "masks", msgspec.to_builtins(self.masks))
        settle(self, SpecError)
        self._settle_activation()
        if (count := len(self._pairs)) > MAX_CONNECTIONS:
            raise SpecError(f"{count:,} pairs of layers are joined; at most {MAX_CONNECTIONS:,} are possible")
        _check_skips(self.skips, len(self.sizes))
        pairs = set(self._pairs)
        for mask in self.masks:
            _check_mask(mask, pairs, self.sizes)
        if len({(m.source, m.target) for m in self.masks}) < len(self.masks):
            raise SpecError("two masks on one connection: merge them")
        if self.dense_weights > MAX_WEIGHTS:
            raise SpecError(f"{self} has {self.dense_weights:,} weights; at most {MAX_WEIGHTS:,} can be indexed")

    def _settle_activation(self) -> None:
        """Check the number of activations; keep several equal ones as one, so that equal networks are equal."""
        if isinstance(self.activation, str):
            return
        if (count := len(self.activation)) != len(self.sizes) - 2:
            raise SpecError(f"activation has {count:,} names: expected one, or one for each hidden layer of {self}")
        if len(set(self.activation)) == 1:
            msgspec.structs.force_setattr(self, "activation", self.activation[0])

    @property
    def activations(self) -> tuple[Activation, ...]:
        """The activation of each hidden layer."""
        if isinstance(self.activation, str):
            return (self.activation,) * (len(self.sizes) - 2)
        return self.activation

    @property
    def _pairs(self) -> list[tuple[int, int]]:
        """The connected layers (source, target): consecutive ones, then skips."""
        return [*itertools.pairwise(range(len(self.sizes))), *self.skips]

    @property
    def connections(self) -> tuple[Connection, ...]:
        """Every connection, by target layer and then source layer."""
        masks = {(m.source, m.target): m.rows for m in self.masks}
        ordered = sorted(self._pairs, key=lambda pair: (pair[1], pair[0]))
        return tuple(Connection(*pair, masks.get(pair)) for pair in ordered)

    @property
    def weight_count(self) -> int:
        """The number of weights that the masks keep."""
        return sum(map(self.count, self.connections))

    def count(self, connection: Connection) -> int:
        """The number of weights that a connection keeps."""
        if connection.rows is None:
            return self.sizes[connection.source] * self.sizes[connection.target]
        return sum(row.count("1") for row in connection.rows)

    @property
    def dense_weights(self) -> int:
        """The number of weights without masks."""
        return sum(self.sizes[source] * self.sizes[target] for source, target in self._pairs)

    @classmethod
    def middle(cls, specs: Sequence[MLPSpec]) -> MLPSpec:
        """The network of middle size, the default choice among several."""
        return sorted(specs, key=lambda spec: spec.weight_count)[len(specs) // 2]

    def __str__(self) -> str:
        shown = [str(n) for n in self.sizes]
        return ",".join(shown if len(shown) <= MAX_LAYERS_SHOWN else [*shown[:MAX_LAYERS_SHOWN], "…"])

    def to_json(self) -> str:
        """One line of JSON that `from_json` reads back."""
        return json.dumps(msgspec.to_builtins(self))

    @classmethod
    def from_json(cls, text: str) -> MLPSpec:
        """Read what `to_json` wrote. Raises SpecError."""
        try:
            fields = parse_json(text)
        except ValueError as error:
            raise SpecError(f"the spec is not JSON: {error}") from None
        return cls.from_fields(fields)

    @classmethod
    def from_fields(cls, fields: object) -> MLPSpec:
        """Build a spec from a table of plain values, as in JSON and TOML. Raises SpecError."""
        return as_record(fields, cls, error=SpecError)

    @classmethod
    def parse(cls, text: str | os.PathLike[str]) -> MLPSpec:
        """Read sizes such as "16,48,1", or the .json or .toml file at this path. Raises SpecError."""
        text = _text(text)
        if text.endswith((".json", ".toml")):
            return cls._read(as_path(text, "layers"))
        parts = [part.strip() for part in text.split(",")]
        if not all(re.fullmatch(r"-?[0-9]{1,12}", part) for part in parts):
            raise SpecError(f"{text!r} is no network: write sizes such as 16,48,1, or name a .json or .toml file")
        return cls(tuple(map(int, parts)))

    @classmethod
    def parse_all(cls, text: str | os.PathLike[str]) -> tuple[MLPSpec, ...]:
        """Read what `parse` reads, or several networks as sizes with ranges. Raises SpecError.

        `8-16` stands for every size from 8 to 16, `8-16:4` for every fourth of them, and `x3` for three times the
        previous layer: "8-16:4,x3,1" stands for 8,24,1 and 12,36,1 and 16,48,1.
        """
        text = _text(text)
        parts = [RANGE.fullmatch(part.strip()) for part in text.split(",")]
        if not all(parts):
            return (cls.parse(text),)
        choices: list[tuple[int, ...]] = [()]
        for part in filter(None, parts):
            spans = [_sizes_of(part, sizes) for sizes in choices]
            count = sum(map(len, spans))
            if not count:
                raise SpecError(
                    f"{part[0]!r} in {text!r} is no size: ranges count up, multiples need a layer before them"
                )
            check_several(count, count * len(parts))
            choices = [(*sizes, size) for sizes, span in zip(choices, spans, strict=True) for size in span]
        return tuple(map(cls, choices))

    @classmethod
    def _read(cls, path: Path) -> MLPSpec:
        toml = path.suffix == ".toml"
        try:
            text = read_text(path, MAX_TOML_BYTES if toml else MAX_JSON_BYTES)
        except FileError as error:
            raise SpecError(str(error)) from None
        try:
            return cls.from_fields(parse_toml(text)) if toml else cls.from_json(text)
        except (SpecError, ValueError) as error:
            raise SpecError(f"{path}: {error}") from None


Layers: TypeAlias = "MLPSpec | str | os.PathLike[str] | Sequence[int]"
"""A network as callers name it."""


def read_layers(layers: Layers | Sequence[Layers]) -> list[MLPSpec]:
    """The networks that `layers` stand for: a spec, what `MLPSpec.parse_all` reads, sizes, or several of these.

    Raises SpecError.
    """
    if isinstance(layers, MLPSpec):
        return [layers]
    if isinstance(layers, (str, os.PathLike)):
        return list(MLPSpec.parse_all(layers))
    parts = plain(layers)
    if not isinstance(parts, (list, tuple)):
        choices = "sizes such as (16, 48, 1), a text such as '16,48,1', a file, a spec, or several of these"
        raise SpecError(f"layers is {SHORT.repr(layers)}: expected {choices}")
    if any(isinstance(part, (MLPSpec, str, os.PathLike, list, tuple)) for part in parts):
        return [spec for part in parts for spec in read_layers(part)]
    return [MLPSpec(tuple(parts))] if parts else []


def _text(layers: str | os.PathLike[str]) -> str:
    return as_record(os.fspath(layers) if isinstance(layers, os.PathLike) else layers, str, "layers", SpecError)


def check_several(networks: int, layers: int) -> None:
    """Raise SpecError for too many networks, or too many layers of all networks together."""
    if networks > MAX_NETWORKS:
        raise SpecError(f"{networks:,} networks or more; at most {MAX_NETWORKS:,} are possible")
    if layers > MAX_LAYERS:
        raise SpecError(f"{networks:,} networks of {layers:,} layers together; at most {MAX_LAYERS:,} are possible")


def _sizes_of(part: re.Match[str], previous: tuple[int, ...]) -> Sequence[int]:
    """The sizes that a match of RANGE stands for, after the layers `previous`."""
    first, last, step, times = (int(number) if number else None for number in part.groups())
    if times is not None:
        return (previous[-1] * times,) if previous else ()
    assert first is not None
    return range(first, (first if last is None else last) + 1, step or 1)


def _check_skips(skips: tuple[tuple[int, int], ...], layers: int) -> None:
    for source, target in skips:
        if not (target < layers and target - source >= 2):
            raise SpecError(
                f"skips has {[source, target]}: expected to jump over a layer and stay within layers 0 to {layers - 1}"
            )
    if len(set(skips)) < len(skips):
        raise SpecError("skips has a pair twice")


def _check_mask(mask: Connection, pairs: set[tuple[int, int]], sizes: tuple[int, ...]) -> None:
    if (mask.source, mask.target) not in pairs:
        raise SpecError(f"mask on {mask.source}->{mask.target}, but there is no such connection")
    columns, count = sizes[mask.source], sizes[mask.target]
    rows = mask.rows or ()
    if len(rows) != count or any(len(row) != columns or set(row) - {"0", "1"} for row in rows):
        raise SpecError(f"mask on {mask.source}->{mask.target} needs {count} rows of {columns} characters 0 or 1")
