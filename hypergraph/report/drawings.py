"""The networks of a run as frames: their weights, and the places of their neurons, which glide from frame to frame.

Neurons need no matching between frames. A member draws the same numbers at every price and checkpoint, so a neuron is
the same one wherever it has the same number.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import torch
from torch import Tensor

from hypergraph.analysis.finished import FinishedRun
from hypergraph.analysis.measure import generate_along
from hypergraph.errors import FileError, HypergraphError
from hypergraph.extensions.registry import working_visualizers
from hypergraph.interfaces import Visualizer
from hypergraph.report.blobs import Array, Blobs, pack, pack_frames
from hypergraph.runs.events import tracked
from hypergraph.runs.records import NetworkRecord
from hypergraph.runs.result import load_members
from hypergraph.weights import MLPWeights

MAX_BYTES = 24_000_000
"""Most bytes of networks through training before they are packed, and most bytes of those at the end."""
STRIDES = (1, 2, 3, 5, 6, 10, 15, 30)
"""Of too many networks only those at every second price are kept, or every third, and so on."""
LEVELS, PLACES = 127, 32_767
"""The largest integers of rounded weights and of rounded places."""


@dataclass(frozen=True)
class Track:
    """The networks of one member along the prices, from the cheapest.

    Attributes:
        betas: the numbers of their prices among the run's.
        networks: [price, ...].
        files: the content of their files.
    """

    member: int
    betas: list[int]
    networks: MLPWeights
    files: list[bytes]


@dataclass
class Drawings:
    """What the page needs to draw the networks of a run.

    Attributes:
        betas: the prices, ascending.
        notes: what is missing, and why; complete after `members`.
    """

    run: FinishedRun
    betas: Sequence[float]
    blobs: Blobs
    notes: list[str] = field(default_factory=list)

    def members(self) -> list[dict[str, Any]]:
        """The drawings of the members, as the page reads them. Raises FileError, PluginError."""
        tracks = self._tracks()
        trained = self._trained() if tracks and self.visualizer else {}
        drawn = tracked(tracks, "laying out networks", self.run.observe)
        return [self._member(track, trained.get(track.member)) for track in drawn]

    @cached_property
    def visualizer(self) -> Visualizer | None:
        """The first installed visualizer that knows the places of neurons."""
        installed = working_visualizers()
        found = next((one for one in installed if type(one).positions is not Visualizer.positions), None)
        if found is None:
            self.notes.append("no installed visualizer knows the places of neurons: networks are not drawn")
        return found

    @cached_property
    def steps(self) -> list[int]:
        """The checkpoints of all members before the end of the training, which the networks of the run show."""
        last = self.run.config.recipe.steps if self.run.config.recipe else 0
        members = Counter[int]()
        for step, range_, _ in self.run.directory.checkpoints():
            members[step] += len(range_)
        return sorted(step for step, count in members.items() if step < last and count == len(self.run.config.sample))

    def _tracks(self) -> list[Track]:
        spec, records = self.run.config.spec, self.run.result.networks
        kept = self._kept(4 * spec.dense_weights * len(records), "networks")
        rows: dict[int, dict[int, tuple[MLPWeights, bytes]]] = {}
        for record in sorted(records, key=lambda record: (record.member, record.beta)):
            index = self.betas.index(record.beta)
            if index in kept and (loaded := self._load(record)):
                rows.setdefault(record.member, {})[index] = loaded
        tracks = []
        for member, row in rows.items():
            networks, files = zip(*row.values(), strict=True)
            tracks.append(Track(member, list(row), MLPWeights.stack(networks), list(files)))
        return tracks

    def _kept(self, size: int, what: str) -> Sequence[int]:
        """The numbers of the prices whose networks fit; none where there are too many even so."""
        stride = next((stride for stride in STRIDES if size <= stride * MAX_BYTES), None)
        if stride is None:
            self.notes.append(f"{what} are too large for a page: hypergraph draw draws each")
            return range(0)
        if stride > 1:
            self.notes.append(f"{what} are shown at one price of {stride}, because all would make the page too large")
        return range(0, len(self.betas), stride)

    def _load(self, record: NetworkRecord) -> tuple[MLPWeights, bytes] | None:
        """A network and the content of its file; None, with a note, where it cannot be shown."""
        path = self.run.path / record.file
        try:
            network, _ = MLPWeights.load(path)
            if network.spec != self.run.config.spec or network.weights[0].dtype != torch.float32:
                raise FileError(f"{path} is another network than the run's, or not of float32")
            return network, path.read_bytes()
        except HypergraphError as error:
            self.notes.append(f"not drawn: {error}")
            return None

    def _trained(self) -> dict[int, tuple[list[int], MLPWeights]]:
        """By member, the numbers of the kept prices, and the networks at the checkpoints: [step, price, ...]."""
        config = self.run.config
        bytes_each = config.spec.dense_weights + 4 * sum(config.spec.sizes)
        count = len(self.steps) * len(self.betas) * len(config.sample)
        kept = self._kept(bytes_each * count, "networks through training") if self.steps else []
        if not kept:
            return {}
        betas, found = [self.betas[n] for n in kept], dict[int, list[MLPWeights]]()
        before = [checkpoint for checkpoint in self.run.directory.checkpoints() if checkpoint[0] in self.steps]
        for _, members, path in tracked(before, "generating from checkpoints", self.run.observe):
            generator = load_members(path, config, len(members))
            for index, member in enumerate(members):
                one = generator.member(index)
                swept = generate_along(one, betas, seed=config.seed, member=member, spec=config.spec)
                found.setdefault(member, []).append(swept)
        whole = {member: MLPWeights.stack(steps).map(torch.nan_to_num) for member, steps in found.items()}
        return {member: (list(kept), networks) for member, networks in whole.items()}

    def _member(self, track: Track, trained: tuple[list[int], MLPWeights] | None) -> dict[str, Any]:
        betas, networks = trained if trained else ([], None)
        if networks is not None and not set(betas) <= set(track.betas):  # some of the run's networks diverged
            both = [n for n, beta in enumerate(betas) if beta in track.betas]
            betas, networks = [betas[n] for n in both], networks.map(lambda tensor: tensor[:, both])
        drawn = {
            "member": track.member,
            "betas": track.betas,
            "files": {"blob": self.blobs.add(pack(b"".join(track.files))), "sizes": list(map(len, track.files))},
            "layouts": self._layouts(track, betas, networks),
            "training": None,
        }
        if networks is not None and betas:
            drawn["training"] = {"steps": self.steps, "betas": betas, **self._rounded(networks)}
        return drawn

    def _layouts(self, track: Track, betas: list[int], trained: MLPWeights | None) -> dict[str, Any]:
        """By layout, the places of neurons: those of the run's networks, and then by step those in training."""
        layouts: dict[str, Any] = {}
        for layout in self.visualizer.layouts if self.visualizer else ():
            try:
                frames = self._places(layout, track, betas, trained)
            except HypergraphError as error:
                self.notes.append(f"layout {layout} of member {track.member}: {error}")
                continue
            low, high = frames.amin((0, 1)), frames.amax((0, 1))
            centre, half = (low + high) / 2, float((high - low).max()) / 2 or 1.0
            whole = ((frames - centre) / half * PLACES).round().to(torch.int16)
            layouts[layout] = self.blobs.add(pack_frames(whole.numpy()))
        return layouts

    def _places(self, layout: str, track: Track, betas: list[int], trained: MLPWeights | None) -> Tensor:
        """The places of neurons, [frame, neuron, 2]: the run's networks, then by step those in training."""
        assert self.visualizer
        end = self.visualizer.positions(track.networks.map(lambda tensor: tensor[None]), layout=layout)
        assert end is not None
        if trained is None or not betas:
            return end[0]
        start = end[0, [track.betas.index(beta) for beta in betas]]
        backward = trained.map(lambda tensor: tensor.transpose(0, 1).flip(1))  # [price, step, ...]
        before = self.visualizer.positions(backward, layout=layout, start=start)
        assert before is not None
        return torch.cat([end[0], before.flip(1).transpose(0, 1).flatten(0, 1)])

    def _rounded(self, networks: MLPWeights) -> dict[str, int]:
        """Weights of networks [step, price, ...] as integers up to LEVELS in units of a scale, one for each tensor."""
        tensors = [tensor.flatten(0, 1).flatten(1).numpy() for tensor in (*networks.weights, *networks.biases)]
        scales = np.stack([np.abs(tensor).max(1) / LEVELS for tensor in tensors], 1)
        units = np.where(scales > 0, scales, 1)
        whole: Array = np.concatenate(
            [np.rint(tensor / units[:, [n]]).astype(np.int8) for n, tensor in enumerate(tensors)], 1
        )
        scale_bytes = scales.astype("<f4").tobytes()
        return {"weights": self.blobs.add(pack_frames(whole)), "scales": self.blobs.add(pack(scale_bytes))}
