"""The configuration of a run, from which it can be repeated."""

from __future__ import annotations

import functools
import itertools
import logging
import re
from bisect import bisect_left
from collections.abc import Mapping, Sequence
from hashlib import blake2b
from typing import Annotated, Any

from msgspec import Meta

from hypergraph.errors import UsageError
from hypergraph.runs.records import to_fields
from hypergraph.spec import MAX_NETWORKS, MLPSpec, check_several
from hypergraph.storage.schema import Record, as_record, check_printable
from hypergraph.training.recipe import Recipe

FORMAT_VERSION = 4
_log = logging.getLogger(__name__)
TASK = re.compile(r"[^\W_][\w./-]{0,199}")
DEVICE = re.compile("cpu|cuda(:[0-9]{1,3})?")
MAX_MEMBERS = 1_000_000
"""With more, a typing error is likelier: the generators of so many fill 2.6 TB at the default network."""
MOST_AS_FILES = 256
"""Most members of which every network is a file and every record stands in result.json; more would break its limit."""
SAMPLE = 64
"""Members of a larger run that its figures, report, families and programs are of."""
MAX_SEED = 2**63 - 1
MAX_THREADS = 1_024
Seed = Annotated[int, Meta(ge=0, le=MAX_SEED)]
SHORT = Meta(max_length=100)


class RunConfig(Record, frozen=True):
    """Everything that determines the numbers of a run.

    Attributes:
        task: name of the task plugin.
        specs: the network to generate, or several that one generator is trained on.
        members: the number of hypernetworks, which are numbered from 0.
        seed: determines every random number of the run.
        device: the device of the training, as torch names it.
        recipe: how the members are trained; null where they are shipped with the task.
        options: the options of the task that were set, by name.
        chunk_count: the number of chunks of members; one process trains all members of a chunk together.
        threads: the number of threads of each process; like the chunks, it affects rounding.
        versions: the versions and the processor where the run was planned, by name.

    Raises:
        UsageError: naming the wrong value.
    """

    task: str
    specs: Annotated[tuple[MLPSpec, ...], Meta(min_length=1, max_length=MAX_NETWORKS)]
    members: Annotated[int, Meta(ge=1, le=MAX_MEMBERS)]
    seed: Seed
    device: str
    recipe: Recipe | None
    options: Annotated[Mapping[str, bool | int | float | str], SHORT] = {}
    chunk_count: Annotated[int, Meta(ge=1)] = 1
    threads: Annotated[int, Meta(ge=1, le=MAX_THREADS)] = 1
    versions: Annotated[Mapping[str, str], SHORT] = {}

    def __post_init__(self) -> None:
        super().__post_init__()
        if not TASK.fullmatch(self.task):
            raise UsageError(f"task is {self.task!r}: expected the name of a task")
        if not DEVICE.fullmatch(self.device):
            raise UsageError(f"device is {self.device!r}: expected cpu, cuda or cuda:N")
        check_several(len(self.specs), sum(len(spec.sizes) for spec in self.specs))
        if not all(spec.weight_count for spec in self.specs):
            raise UsageError("specs have a network whose masks leave no weight to generate")
        if self.chunk_count > self.members:
            raise UsageError(f"chunk_count is {self.chunk_count}: expected int <= {self.members}, one per member")
        check_printable("options", *self.options, *map(str, self.options.values()))
        check_printable("versions", *self.versions, *self.versions.values())

    @property
    def spec(self) -> MLPSpec:
        """The network that the analysis generates, the one of middle size."""
        return MLPSpec.middle(self.specs)

    @property
    def member_ranges(self) -> list[range]:
        """The members of each chunk."""
        cuts = [self.members * n // self.chunk_count for n in range(self.chunk_count + 1)]
        return [range(start, stop) for start, stop in itertools.pairwise(cuts)]

    @property
    def is_large(self) -> bool:
        """Whether the run keeps a table of all networks, and the files of a sample of its members alone."""
        return self.members > MOST_AS_FILES and self.recipe is not None

    @property
    def sample(self) -> Sequence[int]:
        """The members that figures, report, families and programs are of: in a large run a random sample, else all."""
        return _draw_sample(self.seed, self.members) if self.is_large else range(self.members)

    @property
    def sample_note(self) -> str:
        """What is said of all that is of a sample; empty where that is all members."""
        return f"a random sample: {len(self.sample)} of {self.members:,} members" if self.is_large else ""

    def sampled(self, members: range) -> Sequence[int]:
        """Those of a range of members that are in the sample."""
        sample = self.sample
        return sample[bisect_left(sample, members.start) : bisect_left(sample, members.stop)]

    @property
    def largest(self) -> MLPSpec:
        """The network with the most weights."""
        return max(self.specs, key=lambda spec: spec.weight_count)

    @property
    def networks(self) -> str:
        """The networks, in a few words."""
        others = len(self.specs) - 1
        return f"{self.spec} and {others} more" if others else str(self.spec)

    def to_fields(self) -> dict[str, Any]:
        """Convert to plain values for JSON."""
        return {"format_version": FORMAT_VERSION, **to_fields(self)}

    @classmethod
    def from_fields(cls, fields: object) -> RunConfig:
        """Read what `to_fields` wrote; other fields are ignored. Raises UsageError, naming the field."""
        values = as_record(fields, dict[str, Any])
        if (found := values.get("format_version")) == 3:
            values = _from_format_3(values)
        elif found != FORMAT_VERSION:
            raise UsageError(f"format_version is {found!r}: expected {FORMAT_VERSION}")
        for kind, table, place in ((cls, values, ""), (Recipe, values.get("recipe"), "recipe.")):
            for name in kind.__struct_fields__:  # defaults may have changed since it was written
                if isinstance(table, dict) and name not in table:
                    raise UsageError(f"{place}{name} is missing")
        return as_record(values, cls)


@functools.lru_cache
def _draw_sample(seed: int, members: int) -> tuple[int, ...]:
    """SAMPLE different members, in order: the same in every release of Python."""
    found: set[int] = set()
    for draw in itertools.count():
        digest = blake2b(repr((seed, "sample", draw)).encode(), digest_size=8).digest()
        found.add(int.from_bytes(digest, "little") % members)
        if len(found) == SAMPLE:
            return tuple(sorted(found))
    raise AssertionError("there are more members than that")


def _from_format_3(fields: dict[str, Any]) -> dict[str, Any]:
    """Rename the fields of format 3 to those of format 4."""
    names = {"chunks": "chunk_count", "rate": "learning_rate", "opening": "beta_warmup_steps"}
    recipe = fields.get("recipe")
    if isinstance(recipe, dict):
        fields = fields | {"recipe": {names.get(name, name): value for name, value in recipe.items()}}
    _log.warning("read a run of format 3, as an earlier release wrote it")
    return {names.get(name, name): value for name, value in fields.items()}
