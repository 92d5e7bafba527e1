"""The visualizer `forcelayout`."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import blake2b
from pathlib import Path

import torch
from torch import Tensor

from hypergraph.errors import HypergraphError, UsageError
from hypergraph.interfaces import Group, Visualizer
from hypergraph.storage.atomic import write_bytes
from hypergraph.weights import MLPWeights
from hypergraph_forcelayout.adjacency import adjacency
from hypergraph_forcelayout.drawing import METADATA, Panel, picture
from hypergraph_forcelayout.layered import layered_layout
from hypergraph_forcelayout.layout import force_layout, force_path

MAX_NEURONS = 5_000
"""Every pair takes part in the layout, so more neurons need too much memory, and are not readable either."""

MAX_MOVING = 300
"""The most neurons in a force layout of many frames."""


class ForceLayout(Visualizer):
    """The paper's force-directed drawing (Appendix B.1), and a drawing by layers."""

    def __init__(self) -> None:
        self._last: tuple[bytes, Tensor] | None = None

    @property
    def layouts(self) -> Sequence[str]:
        return ("force", "layered")

    def draw(
        self,
        weights: MLPWeights,
        paths: Sequence[Path],
        *,
        layout: str,
        seed: int = 0,
        titles: Sequence[str] = (),
    ) -> None:
        """Draw networks [network, ...], each into its path or all into one; wrong arguments write nothing.

        Biases are not drawn. `seed` determines the start of the force layout; the layered one is deterministic.

        Raises:
            UsageError: for an unknown layout or suffix.
            HypergraphError: for a network that holds NaN or infinity.
            FileError: where a file cannot be written.
        """
        self._check(weights, layout)
        _check_files(weights, paths, titles)
        panels = list(map(Panel, *self._placed(weights, layout, seed), titles or [""] * len(weights.weights[0])))
        pages = [panels] if len(paths) == 1 else [[panel] for panel in panels]
        for path, page in zip(paths, pages, strict=True):
            write_bytes(path, picture(page, weights.spec, path.suffix.lower()))

    def draw_groups(
        self, weights: MLPWeights, path: Path, groups: Sequence[Group], *, layout: str, seed: int = 0, title: str = ""
    ) -> None:
        """Draw one network [1, ...] with a legend. Raises as `draw` does."""
        self._check(weights, layout)
        _check_files(weights, [path], [title])
        (matrix,), (positions,) = self._placed(weights, layout, seed)
        write_bytes(path, picture([Panel(matrix, positions, title, groups)], weights.spec, path.suffix.lower()))

    def _placed(self, weights: MLPWeights, layout: str, seed: int) -> tuple[Tensor, Tensor]:
        """The adjacency matrices and the positions of the neurons of each network. Raises HypergraphError."""
        matrices = _finite(adjacency(weights))
        return matrices, self._forced(matrices, seed) if layout == "force" else layered_layout(matrices, weights.spec)

    def _forced(self, matrices: Tensor, seed: int) -> Tensor:
        """The force layout, kept for the other formats of the same networks."""
        key = blake2b(matrices.numpy().tobytes() + repr((matrices.shape, seed)).encode()).digest()
        if self._last is None or self._last[0] != key:
            self._last = key, force_layout(matrices, seed)
        return self._last[1]

    def positions(self, weights: MLPWeights, *, layout: str, seed: int = 0, start: Tensor | None = None) -> Tensor:
        """The places of neurons along paths of networks [path, frame, ...]: [path, frame, neuron, 2].

        In the force layout each frame starts from the one before. In the layered one neurons keep the places that suit
        the whole path.
        """
        self._check(weights, layout)
        if layout == "force" and (neurons := sum(weights.spec.sizes)) > MAX_MOVING:
            raise UsageError(f"{weights.spec} has {neurons:,} neurons; at most {MAX_MOVING} can move")
        matrices = _finite(adjacency(weights))
        if layout == "force":
            return force_path(matrices, seed, start)
        if start is not None:
            return start.unsqueeze(1).expand(*matrices.shape[:2], -1, -1)
        typical = matrices.square().mean(1).sqrt()
        return layered_layout(typical, weights.spec).unsqueeze(1).expand(*matrices.shape[:2], -1, -1)

    def _check(self, weights: MLPWeights, layout: str) -> None:
        if layout not in self.layouts:
            raise UsageError(f"unknown layout {layout!r}; choose {' or '.join(self.layouts)}")
        if (neurons := sum(weights.spec.sizes)) > MAX_NEURONS:
            raise UsageError(f"{weights.spec} has {neurons:,} neurons; at most {MAX_NEURONS:,} can be drawn")


def _finite(matrices: Tensor) -> Tensor:
    if not bool(torch.isfinite(matrices).all()):
        raise HypergraphError("a network with weights that are NaN or infinite cannot be drawn")
    return matrices


def _check_files(weights: MLPWeights, paths: Sequence[Path], titles: Sequence[str]) -> None:
    for path in paths:
        if path.suffix.lower() not in METADATA:
            raise UsageError(f"cannot draw into {path}: its name must end in {', '.join(METADATA)}")
    lead = tuple(weights.lead)
    if len(lead) != 1 or not (len(paths) in lead or len(paths) == 1 <= lead[0]) or len(titles) not in (0, *lead):
        raise ValueError(f"{len(paths)} paths and {len(titles)} titles do not fit networks of axes {lead}")
