"""The checks for plugin authors pass on the first-party plugins and catch what an author may get wrong."""

from collections.abc import Sequence
from pathlib import Path

import pytest
import torch
from torch import Tensor

from hypergraph.interfaces import UNKNOWN
from hypergraph.spec import MLPSpec
from hypergraph.testing import check_classifier, check_task, check_visualizer
from hypergraph.weights import MLPWeights
from hypergraph_forcelayout.visualizer import ForceLayout
from hypergraph_l1norm.classifier import L1NormClassifier
from hypergraph_l1norm.task import L1Norm

SPEC = MLPSpec((4, 12, 1))


def test_the_first_party_plugins_pass(tmp_path: Path) -> None:
    check_task(L1Norm())
    check_classifier(L1NormClassifier(), SPEC)
    check_visualizer(ForceLayout(), SPEC, tmp_path)


class Flat(L1Norm):
    def sample(self, spec: MLPSpec, batch: int, rng: torch.Generator) -> tuple[Tensor, Tensor]:
        inputs, targets = super().sample(spec, batch, rng)
        return inputs, targets.squeeze(1)


class Infinite(L1Norm):
    def sample(self, spec: MLPSpec, batch: int, rng: torch.Generator) -> tuple[Tensor, Tensor]:
        inputs, targets = super().sample(spec, batch, rng)
        return inputs, targets / 0


class Double(L1Norm):
    def sample(self, spec: MLPSpec, batch: int, rng: torch.Generator) -> tuple[Tensor, Tensor]:
        inputs, targets = super().sample(spec, batch, rng)
        return inputs.double(), targets


class Global(L1Norm):
    def sample(self, spec: MLPSpec, batch: int, rng: torch.Generator) -> tuple[Tensor, Tensor]:
        return torch.randn(batch, spec.sizes[0]), torch.zeros(batch, 1)


class Constant(L1Norm):
    def sample(self, spec: MLPSpec, batch: int, rng: torch.Generator) -> tuple[Tensor, Tensor]:
        return torch.ones(batch, spec.sizes[0]), torch.zeros(batch, 1)


class Reduced(L1Norm):
    def loss(self, outputs: Tensor, targets: Tensor) -> Tensor:
        return (outputs - targets).square().mean()


class Mixed(L1Norm):
    def loss(self, outputs: Tensor, targets: Tensor) -> Tensor:
        loss = super().loss(outputs, targets)
        return loss + loss.mean()


class Rough(L1Norm):
    def loss(self, outputs: Tensor, targets: Tensor) -> Tensor:
        return (outputs - outputs).square().sqrt().mean((-1, -2))


class Descending(L1Norm):
    @property
    def contours(self) -> Sequence[float]:
        return (0.2, 0.1)


class Collapsed(L1Norm):
    def normalisation(self, spec: MLPSpec) -> tuple[float, float]:
        return 1.0, 0.0


@pytest.mark.parametrize(
    ("task", "message"),
    [
        (Flat, "targets must be"),
        (Infinite, "targets must be finite"),
        (Double, "inputs must be float32"),
        (Global, "global stream"),
        (Constant, "another stream must give other inputs"),
        (Reduced, "one number per network"),
        (Mixed, "must not depend on the others"),
        (Rough, "finite gradient"),
        (Descending, "contours must ascend"),
        (Collapsed, "deviation of a normalisation"),
    ],
)
def test_mistakes_of_a_task_are_caught(task: type[L1Norm], message: str) -> None:
    with pytest.raises(AssertionError, match=message):
        check_task(task())


class Colourless(L1NormClassifier):
    @property
    def colours(self) -> dict[str, str]:
        return {name: colour for name, colour in super().colours.items() if name != UNKNOWN}


class Painted(L1NormClassifier):
    @property
    def colours(self) -> dict[str, str]:
        return {**super().colours, UNKNOWN: "no colour"}


class Single(L1NormClassifier):
    def classify(self, order_parameters: object) -> list[str]:
        return [UNKNOWN]


class Hopeful(L1NormClassifier):
    def classify(self, order_parameters: dict[str, Tensor]) -> list[str]:  # type: ignore[override]
        return ["pudding"] * order_parameters["assignment"].numel()


class Misnamed(L1NormClassifier):
    @property
    def planes(self) -> Sequence[tuple[str, str]]:
        return (("assignment", "sidedness"),)


class Unvaried(L1NormClassifier):
    def varieties(self, order_parameters: object) -> list[str]:
        return ["pudding"]


@pytest.mark.parametrize(
    ("classifier", "message"),
    [
        (Colourless, "must hold the label"),
        (Painted, "matplotlib does not know"),
        (Single, "one label per network"),
        (Hopeful, "NaN must be"),
        (Misnamed, r"\['sidedness'\] are no order parameters"),
        (Unvaried, "one name per network"),
    ],
)
def test_mistakes_of_a_classifier_are_caught(classifier: type[L1NormClassifier], message: str) -> None:
    with pytest.raises(AssertionError, match=message):
        check_classifier(classifier(), SPEC)


class First(ForceLayout):
    def draw(
        self, weights: MLPWeights, paths: Sequence[Path], *, layout: str, seed: int = 0, titles: Sequence[str] = ()
    ) -> None:
        for index, path in enumerate(paths):
            super().draw(weights[index : index + 1], [path], layout=layout, seed=seed, titles=[titles[index]])


class Last(ForceLayout):
    def draw(
        self, weights: MLPWeights, paths: Sequence[Path], *, layout: str, seed: int = 0, titles: Sequence[str] = ()
    ) -> None:
        for index, title in enumerate(titles):
            super().draw(weights[index : index + 1], [paths[index % len(paths)]], layout=layout, titles=[title])


class Shy(ForceLayout):
    def draw(
        self, weights: MLPWeights, paths: Sequence[Path], *, layout: str, seed: int = 0, titles: Sequence[str] = ()
    ) -> None:
        if len(paths) == len(titles):
            super().draw(weights, paths, layout=layout, seed=seed, titles=titles)


@pytest.mark.parametrize(
    ("visualizer", "message"),
    [
        (First, "one path must get all networks"),
        (Last, "one path must get all networks"),
        (Shy, "two networks must be drawn"),
    ],
)
def test_mistakes_of_a_visualizer_are_caught(visualizer: type[ForceLayout], message: str, tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match=message):
        check_visualizer(visualizer(), SPEC, tmp_path)
