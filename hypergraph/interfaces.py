"""What a plugin implements: Task, Classifier, Visualizer.

A plugin subclasses one of these and names the class in an entry point of the group `hypergraph.tasks`,
`hypergraph.classifiers` or `hypergraph.visualizers`. The class is called without arguments; that of a task whose user
sets options, with these.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import torch
from torch import Tensor

from hypergraph.spec import MLPSpec
from hypergraph.weights import MLPWeights

API = 1
"""The version of these interfaces. It changes when a plugin written for them would have to change."""

UNKNOWN = "unknown"
"""The label of a network that runs none of a classifier's algorithms."""


@dataclass(frozen=True)
class NoOptions:
    """The options of a task that has none."""


class Task(ABC):
    """What the generated networks should compute.

    Attributes:
        Options: a frozen dataclass whose fields, all with defaults, are what `hypergraph run --set field=value` sets.
            They are of type bool, int, float, str, or a Literal of such. Its `__post_init__` raises ValueError for
            values that cannot be.
        options: an instance of it.
    """

    api: ClassVar[int] = API
    Options: ClassVar[type] = NoOptions

    def __init__(self, options: Any = None) -> None:
        self.options = self.Options() if options is None else options

    @property
    @abstractmethod
    def default_spec(self) -> MLPSpec:
        """The network to generate when the user names none."""

    @property
    @abstractmethod
    def solved_loss(self) -> float:
        """A network whose loss is below this solves the task."""

    def check_spec(self, spec: MLPSpec) -> None:  # noqa: B027, a task may accept any spec
        """Raise :class:`hypergraph.errors.SpecError` where the task cannot be computed by such a network."""

    @abstractmethod
    def sample(self, spec: MLPSpec, batch: int, rng: torch.Generator) -> tuple[Tensor, Tensor]:
        """Draw inputs [batch, input] and targets [batch, output], float32, on the device of `rng` and from it alone."""

    @abstractmethod
    def loss(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """Compare outputs [..., batch, output] with targets of that shape: one loss per network, [...]."""

    def normalisation(self, spec: MLPSpec) -> tuple[float, float]:
        """Mean and deviation that targets for networks of `spec` were freed of: raw = mean + deviation * target.

        Where they depend on the size of the network, a network of another size can be judged by the targets of the size
        that its generator was trained on.
        """
        return 0.0, 1.0

    @property
    def contours(self) -> Sequence[float]:
        """Losses at which a map of the loss has its contours, ascending."""
        return (self.solved_loss,)


class Classifier(ABC):
    """Which algorithm a generated network runs."""

    api: ClassVar[int] = API

    @property
    @abstractmethod
    def task(self) -> str:
        """The name of the task whose networks are classified."""

    @property
    @abstractmethod
    def colours(self) -> Mapping[str, str]:
        """Every label that :meth:`classify` gives, `unknown` included, with a colour that matplotlib understands."""

    @abstractmethod
    def order_parameters(self, weights: MLPWeights, sibling: MLPWeights | None = None) -> dict[str, Tensor]:
        """Name -> value of each order parameter, over the leading axes of `weights`.

        `sibling` is another sample of the same generators, with the same leading axes; parameters that need one are
        left out where it is None. Raises :class:`hypergraph.errors.SpecError` for networks that cannot be classified.
        """

    @abstractmethod
    def classify(self, order_parameters: Mapping[str, Tensor]) -> list[str]:
        """One label per network, over the flattened axes of the order parameters."""

    def confidence(self, order_parameters: Mapping[str, Tensor]) -> list[float]:
        """How sure each label is, from 0 to 1, over the flattened axes of the order parameters.

        This one is how far the nearest of :attr:`boundaries` lies from the network's order parameter, as a share of the
        larger of the two: 0 on the boundary, 0.5 at half or twice of it. It is no probability. NaN where there are no
        boundaries.
        """
        margins = [
            [_margin(value, boundary) for value in order_parameters[name].flatten().tolist()]
            for name, boundary in self.boundaries.items()
            if name in order_parameters  # those that need a sibling may be left out
        ]
        count = next(iter(order_parameters.values())).numel()
        return [min(network) for network in zip(*margins, strict=True)] if margins else [math.nan] * count

    def varieties(self, order_parameters: Mapping[str, Tensor]) -> list[str]:
        """As :meth:`classify`, in finer words where an algorithm comes in several forms; each form is drawn."""
        return self.classify(order_parameters)

    @property
    def planes(self) -> Sequence[tuple[str, str]]:
        """Pairs of order parameters, horizontal and vertical, whose planes show the algorithms apart."""
        return ()

    @property
    def boundaries(self) -> Mapping[str, float]:
        """Order parameter -> the value at which :meth:`classify` changes its mind, as far as there is one."""
        return {}

    @property
    def outcomes(self) -> Mapping[str, str]:
        """Every name that :meth:`outcome` gives, with what it means in one line."""
        return {}

    def outcome(self, phases: Sequence[Sequence[str]], kl: Sequence[float]) -> str:
        """Name how a member's algorithms developed.

        Args:
            phases: labels [checkpoint][beta], checkpoints through training in order, betas ascending.
            kl: information in nats at the end, [beta].
        """
        return phases[-1][0]


def _margin(value: float, boundary: float) -> float:
    """How far apart two numbers are, as a share of the larger: from 0 to 1, and 1 where their signs differ."""
    largest = max(abs(value), abs(boundary))
    if math.isnan(value):
        return 0.0
    return min(abs(value - boundary) / largest, 1.0) if 0 < largest < math.inf else float(largest > 0)


class Visualizer(ABC):
    """How a generated network is drawn."""

    api: ClassVar[int] = API

    @property
    @abstractmethod
    def layouts(self) -> Sequence[str]:
        """Names of the layouts that :meth:`draw` knows, the default first."""

    @abstractmethod
    def draw(
        self,
        weights: MLPWeights,
        paths: Sequence[Path],
        *,
        layout: str,
        seed: int = 0,
        titles: Sequence[str] = (),
    ) -> None:
        """Draw networks [network, ...] into as many files, whose suffixes (.svg, .png, .pdf) say the format.

        Where there is but one path, all of them go into that picture, left to right in rows of at most four. A network
        is laid out the same alone or beside others. `titles` are as many as the networks, or none. Raises
        :class:`hypergraph.errors.UsageError` for a layout or a suffix that it does not know,
        :class:`hypergraph.errors.FileError` where a file cannot be written.
        """
