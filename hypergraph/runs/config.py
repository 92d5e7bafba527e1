"""What a run was asked to do: enough to do it again."""

from __future__ import annotations

import dataclasses
import itertools
import platform
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.metadata import version
from typing import Any

import torch

from hypergraph.errors import FileError, SpecError, UsageError
from hypergraph.model.kernel import BLOCKS
from hypergraph.options import check_number
from hypergraph.registry import TASKS
from hypergraph.spec import MLPSpec, check_several
from hypergraph.training.recipe import Recipe

FORMAT_VERSION = 3
TASK = re.compile(r"[^\W_][\w./-]{0,199}")
DEVICE = re.compile("cpu|cuda(:[0-9]{1,3})?")
MOST_MEMBERS = 256
"""More would have a result too large to be read."""
MOST_SEED = 2**63 - 1
MOST_THREADS = 1_024
MOST_ENTRIES = 100


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

    Raises:
        UsageError: naming the value that cannot be, from wherever it comes.
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

    def __post_init__(self) -> None:
        if not isinstance(self.task, str) or not TASK.fullmatch(self.task):
            raise UsageError(f"task is {self.task!r}, not the name of a task")
        check_several(len(self.specs), sum(len(spec.sizes) for spec in self.specs))
        if not all(spec.weight_count for spec in self.specs):
            raise UsageError("specs have a network whose masks leave no weight to generate")
        check_number("members", self.members, int, 1, MOST_MEMBERS)
        check_number("seed", self.seed, int, 0, MOST_SEED)
        if not isinstance(self.device, str) or not DEVICE.fullmatch(self.device):
            raise UsageError(f"device is {self.device!r}, none of cpu, cuda, cuda:N")
        _check_table("options", self.options, (bool, int, float, str))
        check_number("chunks", self.chunks, int, 1, self.members)
        check_number("threads", self.threads, int, 1, MOST_THREADS)
        _check_table("versions", self.versions, (str,))

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
        values = {name: fields[name] for name in fields if name in KNOWN}
        if missing := KNOWN - values.keys():
            raise FileError(f"the configuration lacks {', '.join(sorted(missing))}")
        try:
            recipe = values["recipe"]
            values |= {"specs": _specs(values["specs"]), "recipe": None if recipe is None else _recipe(recipe)}
            return cls(**values)
        except SpecError as error:
            raise FileError(f"the configuration's specs: {error}") from None
        except UsageError as error:
            raise FileError(f"the configuration's {error}") from None


def _check_table(name: str, table: object, kinds: tuple[type, ...]) -> None:
    if not isinstance(table, Mapping) or len(table) > MOST_ENTRIES:
        raise UsageError(f"{name} are no table of at most {MOST_ENTRIES} entries")
    for key, value in table.items():
        if not isinstance(value, kinds) or not f"{key}{value}".isprintable():
            raise UsageError(f"{name} have {key!r} = {value!r}, which is none")


KNOWN = {known.name for known in dataclasses.fields(RunConfig)}


def current_versions(task: str, device: str) -> dict[str, str]:
    """What numbers depend on beside a run's configuration, as it is here. Raises PluginError."""
    plugin, on_cpu = TASKS.find(task), device == "cpu"
    return {
        **{name: version(name) for name in ("hypergraph-toolkit", "torch", "dgl")},
        plugin.distribution: plugin.version,
        "python": platform.python_version(),
        "blocks": BLOCKS,
        "processor": torch.backends.cpu.get_cpu_capability() if on_cpu else torch.cuda.get_device_name(device),
    }


def _specs(fields: object) -> tuple[MLPSpec, ...]:
    if not isinstance(fields, list) or not fields:
        raise FileError("the configuration's specs are no list of networks")
    check_several(len(fields), 0)
    return tuple(map(MLPSpec.from_fields, fields))


def _recipe(fields: object) -> Recipe:
    if not isinstance(fields, dict) or set(fields) != {known.name for known in dataclasses.fields(Recipe)}:
        raise FileError("the configuration's recipe has other fields than this release")
    return Recipe(**fields)
