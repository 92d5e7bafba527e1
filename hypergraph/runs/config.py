"""What a run was asked to do: enough to do it again."""

from __future__ import annotations

import dataclasses
import itertools
import json
import math
import platform
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.metadata import version
from typing import Any

import torch

from hypergraph.errors import FileError, SpecError
from hypergraph.registry import TASKS
from hypergraph.spec import MLPSpec
from hypergraph.training.recipe import Recipe

FORMAT_VERSION = 3


@dataclass(frozen=True)
class RunConfig:
    """A resolved run.

    Attributes:
        task: name of the task plugin.
        specs: the network to generate, or several that one generator is trained on.
        members: how many hypernetworks, numbered from 0.
        seed: every random number of the run follows from it.
        device: where the members are trained, as torch names it.
        recipe: how they are trained; None where the members are generators that the task ships.
        options: of the task, those that were set.
        chunks: into how many parts the members are divided, each trained together by a process.
        threads: of each process. Both decide how numbers are rounded; how many processes there are at once does not.
        versions: of what the numbers depend on beside all this, by name.
    """

    task: str
    specs: tuple[MLPSpec, ...]
    members: int
    seed: int
    device: str
    recipe: Recipe | None
    options: Mapping[str, Any] = field(default_factory=dict)
    chunks: int = 1
    threads: int = 1
    versions: Mapping[str, str] = field(default_factory=dict, compare=False)

    @property
    def spec(self) -> MLPSpec:
        """The network that the analysis generates: the one of middle size."""
        return MLPSpec.middle(self.specs)

    @property
    def parts(self) -> list[range]:
        """The members of each chunk."""
        cuts = [self.members * n // self.chunks for n in range(self.chunks + 1)]
        return [range(start, stop) for start, stop in itertools.pairwise(cuts)]

    @property
    def largest(self) -> MLPSpec:
        """The network that takes most memory."""
        return max(self.specs, key=lambda spec: spec.weight_count)

    @property
    def networks(self) -> str:
        """The networks, in a few words."""
        others = len(self.specs) - 1
        return f"{self.spec} and {others} more" if others else str(self.spec)

    def to_fields(self) -> dict[str, Any]:
        """Plain values, as :meth:`from_fields` reads them."""
        return {"format_version": FORMAT_VERSION, **dataclasses.asdict(self)}

    @classmethod
    def from_fields(cls, fields: object) -> RunConfig:
        """Read what :meth:`to_fields` wrote. Raises FileError, naming the field, where it is anything else."""
        if not isinstance(fields, dict) or fields.get("format_version") != FORMAT_VERSION:
            raise FileError(f"no configuration of format version {FORMAT_VERSION}")
        try:
            return cls(
                task=_of(str, fields, "task"),
                specs=_specs(fields["specs"]),
                members=_count(fields, "members"),
                seed=_of(int, fields, "seed"),
                device=_of(str, fields, "device"),
                recipe=None if fields["recipe"] is None else _recipe(fields["recipe"]),
                options=_options(fields["options"]),
                chunks=_chunks(fields),
                threads=_count(fields, "threads"),
                versions=_versions(fields["versions"]),
            )
        except KeyError as error:
            raise FileError(f"the configuration lacks {error}") from None
        except SpecError as error:
            raise FileError(f"the configuration's specs: {error}") from None


def current_versions(task: str, device: str) -> dict[str, str]:
    """What numbers depend on beside a run's configuration, as it is here. Raises PluginError."""
    plugin, on_cpu = TASKS.find(task), device == "cpu"
    return {
        **{name: version(name) for name in ("hypergraph-toolkit", "torch", "dgl")},
        plugin.distribution: plugin.version,
        "python": platform.python_version(),
        "processor": torch.backends.cpu.get_cpu_capability() if on_cpu else torch.cuda.get_device_name(device),
    }


def _versions(fields: object) -> dict[str, str]:
    if not isinstance(fields, dict) or not all(isinstance(value, str) for value in fields.values()):
        raise FileError("the configuration's versions are no table of texts")
    return fields


def _specs(fields: object) -> tuple[MLPSpec, ...]:
    if not isinstance(fields, list) or not fields:
        raise FileError("the configuration's specs are no list of networks")
    return tuple(MLPSpec.from_json(json.dumps(spec)) for spec in fields)


def _options(fields: object) -> dict[str, Any]:
    if not isinstance(fields, dict) or not all(isinstance(value, (bool, int, float, str)) for value in fields.values()):
        raise FileError("the configuration's options are no table of plain values")
    return fields


def _recipe(fields: object) -> Recipe:
    if not isinstance(fields, dict) or set(fields) != {known.name for known in dataclasses.fields(Recipe)}:
        raise FileError("the configuration's recipe has other fields than this release")
    return Recipe(
        steps=_count(fields, "steps"),
        batch=_count(fields, "batch"),
        rate=_of(float, fields, "rate"),
        opening=_of(int, fields, "opening"),
        wiring=_wiring(fields),
    )


def _wiring(fields: dict[str, Any]) -> float | None:
    if fields["wiring"] is None:
        return None
    wiring: float = _of(float, fields, "wiring")
    if not wiring <= 1:
        raise FileError(f"the configuration's wiring is {wiring}; it must be from 0 to 1")
    return wiring


def _of(kind: type, fields: dict[str, Any], name: str) -> Any:
    value = fields[name]
    if not isinstance(value, kind) or isinstance(value, bool):
        raise FileError(f"the configuration's {name} is {value!r}, not {kind.__name__}")
    if isinstance(value, (int, float)) and not 0 <= value < math.inf:
        raise FileError(f"the configuration's {name} is {value}; it must be finite and not negative")
    return value


def _chunks(fields: dict[str, Any]) -> int:
    chunks = _count(fields, "chunks")
    if chunks > _count(fields, "members"):
        raise FileError(f"the configuration's chunks are {chunks}, more than its members")
    return chunks


def _count(fields: dict[str, Any], name: str) -> int:
    value: int = _of(int, fields, name)
    if value < 1:
        raise FileError(f"the configuration's {name} is {value}; it must be at least 1")
    return value
