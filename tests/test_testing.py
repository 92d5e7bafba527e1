"""The checks for plugin authors pass on the first-party plugins and catch what an author may get wrong."""

import random
from abc import abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from itertools import count
from pathlib import Path
from typing import Any, ClassVar

import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch
from matplotlib.mathtext import MathTextParser
from torch import Tensor

from hypergraph.errors import SpecError
from hypergraph.interfaces import UNKNOWN, Classifier
from hypergraph.spec import Connection, MLPSpec
from hypergraph.storage.atomic import write_bytes
from hypergraph.testing import check_classifier, check_task, check_visualizer
from hypergraph.weights import MLPWeights
from hypergraph_forcelayout.visualizer import ForceLayout
from hypergraph_l1norm.classifier import L1NormClassifier
from hypergraph_l1norm.task import L1Norm

SPEC = MLPSpec((4, 12, 1))
SMALL = MLPSpec((2, 3, 1))
DEEP = MLPSpec((3, 6, 5, 2), skips=((0, 2), (1, 3)))
MASKED = MLPSpec((3, 6, 5, 2), masks=(Connection(0, 1, ("101",) * 6),))


@pytest.mark.slow
def test_the_first_party_plugins_pass(tmp_path: Path) -> None:
    check_task(L1Norm())
    check_classifier(L1NormClassifier(), SPEC)
    check_visualizer(ForceLayout(), SPEC, tmp_path)


class Refusing(L1Norm):
    def check_spec(self, spec: MLPSpec) -> None:
        raise SpecError("too small")


class Unsolvable(L1Norm):
    solved_loss = 0.0


class Solved(L1Norm):
    solved_loss = float("inf")
    contours = (0.1,)


class Descending(L1Norm):
    contours = (0.2, 0.1)


class Collapsed(L1Norm):
    def normalisation(self, spec: MLPSpec) -> tuple[float, float]:
        return 1.0, 0.0


class Uncentred(L1Norm):
    def normalisation(self, spec: MLPSpec) -> tuple[float, float]:
        return float("nan"), 1.0


class Changed(L1Norm):
    """The base of samplers that change what the right one draws."""

    def sample(self, spec: MLPSpec, batch: int, rng: torch.Generator) -> tuple[Tensor, Tensor]:
        return self.change(*super().sample(spec, batch, rng))

    @abstractmethod
    def change(self, inputs: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]: ...


class Flat(Changed):
    def change(self, inputs: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
        return inputs, targets.squeeze(1)


class FlatAlone(Changed):
    def change(self, inputs: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
        return inputs.squeeze(0), targets


class Infinite(Changed):
    def change(self, inputs: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
        return inputs, targets / 0


class Double(Changed):
    def change(self, inputs: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
        return inputs.double(), targets


class Whole(Changed):
    def change(self, inputs: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
        return inputs, targets.long()


class Attached(Changed):
    def change(self, inputs: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
        return inputs, targets * torch.ones(1, requires_grad=True)


class Constant(Changed):
    def change(self, inputs: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
        return torch.ones_like(inputs), targets


class Global(Changed):
    def change(self, inputs: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
        return torch.randn(inputs.shape), targets


class NoisyByNumpy(Changed):
    def change(self, inputs: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
        return inputs, targets + float(np.random.randn())


class NoisyByPython(Changed):
    def change(self, inputs: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
        return inputs, targets + random.random()


class NoisyByClock(Changed):
    def change(self, inputs: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
        return inputs, targets + float(np.random.default_rng().random())


class Remembering(Changed):
    last: float | Tensor = 0.0

    def change(self, inputs: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
        drawn, self.last = inputs + self.last, inputs.mean()
        return drawn, targets


class Unbatched(L1Norm):
    def sample(self, spec: MLPSpec, batch: int, rng: torch.Generator) -> tuple[Tensor, Tensor]:
        return super().sample(spec, 7, rng)


class FlatHeldOut(L1Norm):
    def sample_held_out(self, spec: MLPSpec, batch: int, rng: torch.Generator) -> tuple[Tensor, Tensor]:
        inputs, targets = self.sample(spec, batch, rng)
        return inputs, targets.squeeze(1)


class FlatEarly(L1Norm):
    def sample_early(self, spec: MLPSpec, batch: int, rng: torch.Generator) -> tuple[Tensor, Tensor]:
        inputs, targets = self.sample(spec, batch, rng)
        return inputs, targets.squeeze(1)


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


class Overflowing(L1Norm):
    def loss(self, outputs: Tensor, targets: Tensor) -> Tensor:
        return (outputs - targets).exp().mean((-1, -2))


class Indifferent(L1Norm):
    def loss(self, outputs: Tensor, targets: Tensor) -> Tensor:
        return targets.square().mean((-1, -2))


class Stepped(L1Norm):
    def loss(self, outputs: Tensor, targets: Tensor) -> Tensor:
        return (outputs.sign() - targets.sign()).abs().mean((-1, -2))


class InPlace(L1Norm):
    def loss(self, outputs: Tensor, targets: Tensor) -> Tensor:
        return outputs.sub_(targets).square().mean((-1, -2))


class InPlaceTargets(L1Norm):
    def loss(self, outputs: Tensor, targets: Tensor) -> Tensor:
        return targets.sub_(outputs).square().mean((-1, -2))


@pytest.mark.parametrize(
    ("task", "message"),
    [
        (Refusing, "check_spec refuses the default network: too small"),
        (Unsolvable, "solved_loss must be positive and finite"),
        (Solved, "solved_loss must be positive and finite"),
        (Descending, "contours must ascend"),
        (Collapsed, "deviation of a normalisation"),
        (Uncentred, "mean of a normalisation"),
        (Flat, r"targets must be \[1, 1\]"),
        (FlatHeldOut, r"targets must be \[1, 1\]"),
        (FlatEarly, r"targets must be \[1, 1\]"),
        (FlatAlone, r"inputs must be \[1, 16\]"),
        (Infinite, "targets must be finite"),
        (Double, "inputs must be float32"),
        (Whole, "targets must be float32"),
        (Attached, "targets must carry no gradient"),
        (Constant, "another stream must give other inputs"),
        (Global, "global stream of torch"),
        (NoisyByNumpy, "global stream of numpy"),
        (NoisyByPython, "global stream of random"),
        (NoisyByClock, "same stream must give the same targets"),
        (Remembering, "same inputs, whatever was drawn before"),
        (Unbatched, r"inputs must be \[1, 16\], not \[7, 16\]"),
        (Reduced, "one number per network"),
        (Mixed, "must not depend on the others"),
        (Rough, "finite gradient"),
        (Overflowing, "loss of large outputs must be finite"),
        (Indifferent, "it has no gradient"),
        (Stepped, "its gradient is zero"),
        (InPlace, "must not change the outputs"),
        (InPlaceTargets, "must not change the targets"),
    ],
)
def test_mistakes_of_a_task_are_caught(task: type[L1Norm], message: str) -> None:
    with pytest.raises(AssertionError, match=message):
        check_task(task())


class Strength(Classifier):
    """A right classifier of any network that implements no more than it must."""

    task = "any"
    colours: ClassVar = {"strong": "red", "weak": "C0", UNKNOWN: "#808080"}

    def order_parameters(self, weights: MLPWeights, sibling: MLPWeights | None = None) -> dict[str, Tensor]:
        return {"strength": torch.stack([tensor.square().mean((-2, -1)) for tensor in weights.weights]).mean(0)}

    def classify(self, order_parameters: Mapping[str, Tensor]) -> list[str]:
        values = order_parameters["strength"].flatten().tolist()
        return ["strong" if value > 1 else "weak" if value <= 1 else UNKNOWN for value in values]


class First(Strength):
    """Looks at one neuron of the second hidden layer."""

    def order_parameters(self, weights: MLPWeights, sibling: MLPWeights | None = None) -> dict[str, Tensor]:
        entering = next(n for n, c in enumerate(weights.spec.connections) if (c.source, c.target) == (1, 2))
        return {"strength": weights.weights[entering][..., 0, :].square().mean(-1)}


@pytest.mark.parametrize("spec", [SPEC, DEEP, MASKED, MLPSpec((3, 2)), MLPSpec((3, 4, 2), bias=False)])
def test_a_right_classifier_passes_for_any_network(spec: MLPSpec) -> None:
    check_classifier(Strength(), spec)


def test_neurons_may_have_no_order_in_any_hidden_layer_unless_masks_tell_them_apart() -> None:
    with pytest.raises(AssertionError, match="strength depends on the order of the neurons of layer 2"):
        check_classifier(First(), DEEP)
    check_classifier(First(), MASKED)


class Untitled(Strength):
    task = ""


class Unnamed(Strength):
    task = None  # type: ignore[assignment]


class Colourless(Strength):
    colours: ClassVar = {"strong": "red", "weak": "blue"}


class Painted(Strength):
    colours: ClassVar = {**Strength.colours, "strong": "no colour"}


class Unpainted(Strength):
    colours: ClassVar = {"strong": "red", UNKNOWN: "grey"}


class Single(Strength):
    def classify(self, order_parameters: Mapping[str, Tensor]) -> list[str]:
        return [UNKNOWN]


class Hopeful(Strength):
    def classify(self, order_parameters: Mapping[str, Tensor]) -> list[str]:
        return ["strong"] * order_parameters["strength"].numel()


class Relative(Strength):
    def classify(self, order_parameters: Mapping[str, Tensor]) -> list[str]:
        values = order_parameters["strength"].flatten()
        return ["strong" if value > values.mean() else "weak" for value in values]


class Guessing(Strength):
    def classify(self, order_parameters: Mapping[str, Tensor]) -> list[str]:
        return random.choices(["strong", "weak"], k=order_parameters["strength"].numel())  # alike once in 16 times


class Rowwise(Strength):
    def classify(self, order_parameters: Mapping[str, Tensor]) -> list[str]:
        values = order_parameters["strength"].reshape(-1, *order_parameters["strength"].shape[1:])
        return super().classify({"strength": values.flatten(1).amax(1) if values.dim() > 1 else values})


class Hoarding(Strength):
    """Labels by weights that it keeps, not by order parameters."""

    def order_parameters(self, weights: MLPWeights, sibling: MLPWeights | None = None) -> dict[str, Tensor]:
        self.corner = weights.weights[0][..., 0, 0]
        return super().order_parameters(weights)

    def classify(self, order_parameters: Mapping[str, Tensor]) -> list[str]:
        return ["strong" if value > 0 else "weak" for value in self.corner.flatten()]


class Partial(Strength):
    def order_parameters(self, weights: MLPWeights, sibling: MLPWeights | None = None) -> dict[str, Tensor]:
        parameters = super().order_parameters(weights)
        return {**parameters, "more": parameters["strength"]} if weights.lead else parameters


class Unvaried(Strength):
    def varieties(self, order_parameters: object) -> list[str]:
        return ["strong"]


class Oversure(Strength):
    def confidence(self, order_parameters: Mapping[str, Tensor]) -> list[float]:
        return [100.0] * order_parameters["strength"].numel()


class Unsure(Strength):
    def confidence(self, order_parameters: object) -> list[float]:
        return [0.5]


class MisnamedPlane(Strength):
    planes = (("strength", "sidedness"),)


class MisnamedBoundary(Strength):
    boundaries: ClassVar = {"sidedness": 1.0}


class Boundless(Strength):
    boundaries: ClassVar = {"strength": float("inf")}


class Undescribed(Strength):
    outcomes: ClassVar = {"a": "strong at all prices", "b": "weak at all prices"}

    def outcome(self, phases: Sequence[Sequence[str]], kl: Sequence[float]) -> str:
        return "a" if phases[-1][0] == "strong" else "b" if phases[-1][-1] == "weak" else "c"


class Parameterless(Strength):
    def order_parameters(self, weights: MLPWeights, sibling: MLPWeights | None = None) -> dict[str, Tensor]:
        return {}


class Measured(Strength):
    """The base of classifiers whose order parameter is another one of the first layer."""

    def order_parameters(self, weights: MLPWeights, sibling: MLPWeights | None = None) -> dict[str, Tensor]:
        return {"strength": self.measure(weights.weights[0])}

    @abstractmethod
    def measure(self, first: Tensor) -> Tensor: ...


class PerNeuron(Measured):
    def measure(self, first: Tensor) -> Tensor:
        return first.square().mean(-1)


class Neighbourly(Measured):
    def measure(self, first: Tensor) -> Tensor:
        strength = first.square().mean((-2, -1))
        return strength / strength.max()


class Flattening(Measured):
    def measure(self, first: Tensor) -> Tensor:
        return first.square().mean((-2, -1)).flatten()[: first.shape[:-2].numel()]


class Transposing(Measured):
    def measure(self, first: Tensor) -> Tensor:
        strength = first.square().mean((-2, -1))
        return strength.mT if strength.dim() == 2 else strength


class Noisy(Measured):
    def measure(self, first: Tensor) -> Tensor:
        return first.square().mean((-2, -1)) + torch.rand(first.shape[:-2])


class Scaling(Measured):
    def measure(self, first: Tensor) -> Tensor:
        return first.square_().mean((-2, -1))


class Ordered(Measured):
    def measure(self, first: Tensor) -> Tensor:
        return first.diff(dim=-2).square().mean((-2, -1))


class Dependent(Strength):
    def order_parameters(self, weights: MLPWeights, sibling: MLPWeights | None = None) -> dict[str, Tensor]:
        parameters = super().order_parameters(weights)
        if sibling is not None:
            parameters["distance"] = (weights.weights[0] - sibling.weights[0]).square().mean((-2, -1))
        return parameters

    def classify(self, order_parameters: Mapping[str, Tensor]) -> list[str]:
        return ["strong" if value > 1 else "weak" for value in order_parameters["distance"].flatten()]


@pytest.mark.parametrize(
    ("classifier", "message"),
    [
        (Untitled, "task must be the name of a task, not empty"),
        (Unnamed, "task must be the name of a task, not None"),
        (Colourless, "must hold the label"),
        (Painted, "colour of 'strong' is 'no colour', which matplotlib does not know"),
        (Unpainted, r"labels \['weak'\] have no colour"),
        (Single, "one label per network, 4, not 1"),
        (Hopeful, "NaN must be 'unknown'"),
        (Relative, "label must not depend on the networks beside it"),
        (Rowwise, "one label per network, over the flattened axes"),
        (Hoarding, "a label depends on the order of the neurons of layer 1"),
        (Partial, "the set of order parameters depends on other networks"),
        (Unvaried, "varieties must give one name per network"),
        (Oversure, "confidence must be from 0 to 1"),
        (Unsure, "confidence must give one number per network"),
        (MisnamedPlane, r"planes: \['sidedness'\] are no order parameters"),
        (MisnamedBoundary, r"boundaries: \['sidedness'\] are no order parameters"),
        (Boundless, "boundary of strength must be finite"),
        (Undescribed, "outcome gives 'c'"),
        (Parameterless, "there must be an order parameter"),
        (PerNeuron, r"strength must be one number per network, \[4\], not \[4, 12\]"),
        (Neighbourly, "strength depends on other networks"),
        (Flattening, r"leading axes of the weights, \[2, 2\], not \[4\]"),
        (Transposing, "strength depends on how the leading axes are arranged"),
        (Noisy, "strength must be the same when computed again"),
        (Scaling, "order_parameters must not change the weights"),
        (Ordered, "strength depends on the order of the neurons of layer 1"),
        (Dependent, "classify must do without 'distance'"),
    ],
)
def test_mistakes_of_a_classifier_are_caught(classifier: type[Classifier], message: str) -> None:
    with pytest.raises(AssertionError, match=message):
        check_classifier(classifier(), SPEC)


def test_labels_given_at_random_are_caught() -> None:
    random.seed(0)
    with pytest.raises(AssertionError, match="classify must give the same labels again"):
        check_classifier(Guessing(), SPEC)


class Layered(ForceLayout):
    """The base of visualizers that do something before or instead of drawing: a right one with the quicker layout."""

    layouts: tuple[str, ...] = ("layered",)

    def draw(self, weights: MLPWeights, paths: Sequence[Path], **options: Any) -> None:
        super().draw(weights, paths, **options)


def test_a_right_visualizer_of_one_layout_passes(tmp_path: Path) -> None:
    check_visualizer(Layered(), SMALL, tmp_path)


class Layoutless(Layered):
    layouts = ()


class Twofold(Layered):
    layouts = ("layered", "layered")


class Lenient(Layered):
    def draw(self, weights: MLPWeights, paths: Sequence[Path], *, layout: str, **options: Any) -> None:  # type: ignore[override]
        super().draw(weights, paths, layout="layered", **options)


class Abrupt(Layered):
    def draw(self, weights: MLPWeights, paths: Sequence[Path], *, layout: str, **options: Any) -> None:  # type: ignore[override]
        super().draw(weights, paths, layout={"layered": "layered"}[layout], **options)


class AnySuffix(Layered):
    def draw(self, weights: MLPWeights, paths: Sequence[Path], **options: Any) -> None:
        super().draw(weights, [path.with_suffix(".svg") for path in paths], **options)


class Unguarded(Layered):
    def draw(self, weights: MLPWeights, paths: Sequence[Path], **options: Any) -> None:
        for path in paths:
            path.parent.mkdir(parents=True, exist_ok=True)
        super().draw(weights, paths, **options)


class Forgetful(Layered):
    def draw(self, weights: MLPWeights, paths: Sequence[Path], **options: Any) -> None:
        super().draw(weights, paths, **options)
        paths[-1].unlink()


class Misformatted(Layered):
    def draw(self, weights: MLPWeights, paths: Sequence[Path], **options: Any) -> None:
        super().draw(weights, paths, **options)
        drawn = [path.with_suffix(".svg") for path in paths]
        super().draw(weights, drawn, **options)
        for path, drawing in zip(paths, drawn, strict=True):
            drawing.replace(path)


class Rewritten(Layered):
    """The base of visualizers that write a text of their own where the right one has drawn."""

    def draw(self, weights: MLPWeights, paths: Sequence[Path], titles: Sequence[str] = (), **options: Any) -> None:
        super().draw(weights, paths, **options)
        for index, path in enumerate(paths):
            write_bytes(path, self.text(float(weights.weights[0][index, 0, 0]), titles).encode())

    @abstractmethod
    def text(self, weight: float, titles: Sequence[str]) -> str: ...


class Webpage(Rewritten):
    def text(self, weight: float, titles: Sequence[str]) -> str:
        return f"<html>{weight}</html>"


class Unescaped(Rewritten):
    def text(self, weight: float, titles: Sequence[str]) -> str:
        return f"<svg>{weight}{''.join(titles)}</svg>"


class Copying(Layered):
    def draw(self, weights: MLPWeights, paths: Sequence[Path], **options: Any) -> None:
        first = [0] * weights.lead[0]
        super().draw(weights.map(lambda tensor: tensor[first]), paths, **options)


class Retitled(Layered):
    """The base of visualizers that do something to the titles."""

    def draw(self, weights: MLPWeights, paths: Sequence[Path], titles: Sequence[str] = (), **options: Any) -> None:
        super().draw(weights, paths, titles=self.retitle(titles), **options)

    @abstractmethod
    def retitle(self, titles: Sequence[str]) -> Sequence[str]: ...


class Dated(Retitled):
    date = count()

    def retitle(self, titles: Sequence[str]) -> list[str]:
        return [f"{title} {next(self.date)}" for title in titles]


class Numbered(Retitled):
    def retitle(self, titles: Sequence[str]) -> list[str]:
        return [f"{title} of {len(titles)}" for title in titles]


class Formulaic(Retitled):
    def retitle(self, titles: Sequence[str]) -> Sequence[str]:
        for title in titles:
            MathTextParser("path").parse(title)
        return titles


class Ascii(Retitled):
    def retitle(self, titles: Sequence[str]) -> list[str]:
        return [title.encode("ascii").decode() for title in titles]


class Titled(Layered):
    def draw(self, weights: MLPWeights, paths: Sequence[Path], titles: Sequence[str] = (), **options: Any) -> None:
        super().draw(weights, paths, titles=[titles[index] for index in range(weights.lead[0])], **options)


class FirstOnly(Layered):
    def draw(self, weights: MLPWeights, paths: Sequence[Path], titles: Sequence[str] = (), **options: Any) -> None:
        count = len(paths)
        super().draw(weights[:count], paths, titles=titles[:count], **options)


class LastOnly(Layered):
    def draw(self, weights: MLPWeights, paths: Sequence[Path], titles: Sequence[str] = (), **options: Any) -> None:
        count = len(paths)
        super().draw(weights[-count:], paths, titles=titles[-count:], **options)


class InPlaceWeights(Layered):
    def draw(self, weights: MLPWeights, paths: Sequence[Path], **options: Any) -> None:
        super().draw(weights, paths, **options)
        weights.weights[0].mul_(2)


class SeedsTorch(Layered):
    def draw(self, weights: MLPWeights, paths: Sequence[Path], seed: int = 0, **options: Any) -> None:
        torch.manual_seed(seed)
        super().draw(weights, paths, **options)


class SeedsNumpy(Layered):
    def draw(self, weights: MLPWeights, paths: Sequence[Path], seed: int = 0, **options: Any) -> None:
        np.random.seed(seed)
        super().draw(weights, paths, **options)


class Leaking(Layered):
    def draw(self, weights: MLPWeights, paths: Sequence[Path], **options: Any) -> None:
        super().draw(weights, paths, **options)
        plt.figure()


class Cut(Layered):
    def positions(self, weights: MLPWeights, **options: Any) -> Tensor:
        return super().positions(weights, **options)[:, :1]


@pytest.fixture
def undone() -> Iterator[None]:
    """Undo what wrong plugins do to the process."""
    torch_state, numpy_state = torch.get_rng_state(), np.random.get_state()
    yield
    torch.set_rng_state(torch_state)
    np.random.set_state(numpy_state)
    plt.close("all")


@pytest.mark.slow
@pytest.mark.usefixtures("undone")
@pytest.mark.parametrize(
    ("visualizer", "message"),
    [
        (Layoutless, "there must be a layout"),
        (Twofold, "a layout is named twice"),
        (Lenient, "layout 'no such layout' and .* must raise UsageError"),
        (Abrupt, "must raise UsageError, not KeyError"),
        (AnySuffix, r"refused\.nonsense must raise UsageError"),
        (Unguarded, "must raise FileError, not "),
        (Forgetful, r"layered-untitled-1\.svg must be written"),
        (Misformatted, r"layered-first\.png holds another format"),
        (Webpage, r"\.svg holds another format"),
        (Unescaped, r"layered-first\.svg is no well-formed XML"),
        (Copying, "different networks must be drawn differently"),
        (Dated, "the same seed must give the same file"),
        (Numbered, "a network must be drawn alone as beside others"),
        (Formulaic, r"frac.* raises ValueError"),
        (Ascii, "raises UnicodeEncodeError"),
        (Titled, r"with titles \[\] raises IndexError"),
        (FirstOnly, "one path must get all networks"),
        (LastOnly, "one path must get all networks"),
        (InPlaceWeights, "draw must not change the weights"),
        (SeedsTorch, "draw draws from the global stream of torch: use seed"),
        (SeedsNumpy, "draw draws from the global stream of numpy: use seed"),
        (Leaking, "figures of pyplot open"),
        (Cut, "layered: positions must be finite numbers"),
    ],
)
def test_mistakes_of_a_visualizer_are_caught(visualizer: type[ForceLayout], message: str, tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match=message):
        check_visualizer(visualizer(), SMALL, tmp_path)
