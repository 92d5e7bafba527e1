"""Checks for plugin authors: call one from a test of your plugin; it raises AssertionError naming what is wrong."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from itertools import product
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import matplotlib.pyplot as plt
import numpy as np
import torch
from matplotlib.colors import is_color_like
from torch import Tensor

from hypergraph.errors import FileError, SpecError, UsageError
from hypergraph.interfaces import UNKNOWN, Classifier, Task, Visualizer
from hypergraph.rng import stream
from hypergraph.spec import MLPSpec
from hypergraph.weights import MLPWeights, kept_weights

NETWORKS = 4
"""How many random networks a classifier gets: a square number, for they are also given as a square."""
LARGE = 1e3
"""Outputs of this size occur early in a training."""
BETAS = 31
"""How many betas the phases have that a classifier has to name."""
TITLES = ("$\\frac$ <b>", "ü & β")
"""What breaks a drawing that takes titles for formulas, for markup or for ASCII."""
SIGNATURES = {".svg": b"<", ".png": b"\x89PNG\r\n\x1a\n", ".pdf": b"%PDF"}
"""The formats, and how their files begin."""

Draw = Callable[[MLPWeights, Sequence[Path], Sequence[str]], list[bytes]]
"""Draws networks into paths, under titles; gives what is in the files."""


def check_task(task: Task, batch: int = 7) -> None:
    """Check the sampler and the loss of a task on its default network."""
    _check_numbers(task)
    _check_batch(task, 1)
    _check_stream(task, batch)
    targets = _check_batch(task, batch)
    _check_loss(task, targets)
    _check_gradient(task, targets)


def _check_numbers(task: Task) -> None:
    spec = task.default_spec
    try:
        task.check_spec(spec)
    except SpecError as error:
        raise AssertionError(f"check_spec refuses the default network: {error}") from error
    assert 0 < task.solved_loss < math.inf, f"solved_loss must be positive and finite, not {task.solved_loss}"
    contours = list(task.contours)
    assert contours == sorted(contours), f"contours must ascend, not {contours}"
    mean, deviation = task.normalisation(spec)
    assert math.isfinite(mean), f"the mean of a normalisation must be finite, not {mean}"
    assert 0 < deviation < math.inf, f"the deviation of a normalisation must be positive and finite, not {deviation}"


def _check_batch(task: Task, batch: int) -> Tensor:
    """Check what one batch looks like; gives its targets."""
    spec = task.default_spec
    with _own_stream("sample", "rng"):
        inputs, targets = task.sample(spec, batch, stream("check", 0))
    for name, tensor, width in (("inputs", inputs, spec.sizes[0]), ("targets", targets, spec.sizes[-1])):
        assert tensor.shape == (batch, width), f"{name} must be [{batch}, {width}], not {list(tensor.shape)}"
        assert tensor.dtype == torch.float32, f"{name} must be float32, not {tensor.dtype}"
        assert bool(torch.isfinite(tensor).all()), f"{name} must be finite"
        assert not tensor.requires_grad, f"{name} must carry no gradient"
    return targets


def _check_stream(task: Task, batch: int) -> None:
    first, other, again = (task.sample(task.default_spec, batch, stream("check", key)) for key in (0, 1, 0))
    for name, one, two in zip(("inputs", "targets"), first, again, strict=True):
        assert torch.equal(one, two), f"the same stream must give the same {name}, whatever was drawn before"
    assert not torch.equal(first[0], other[0]), "another stream must give other inputs"


def _check_loss(task: Task, targets: Tensor) -> None:
    outputs = torch.randn((3, *targets.shape), generator=stream("check", 2))
    for name, given in (("ordinary", outputs), ("large", LARGE * outputs)):
        loss = _loss_of(task, given, targets.expand_as(given).clone())
        assert loss.shape == (3,), f"loss must be one number per network, [3], not {list(loss.shape)}"
        assert bool(torch.isfinite(loss).all()), f"the loss of {name} outputs must be finite"
        alone = torch.stack([_loss_of(task, output, targets) for output in given])
        assert torch.allclose(loss, alone), "the loss of a network must not depend on the others beside it"


def _loss_of(task: Task, outputs: Tensor, targets: Tensor) -> Tensor:
    copies = outputs.clone(), targets.clone()
    loss = task.loss(outputs, targets)
    for name, tensor, copy in zip(("outputs", "targets"), (outputs, targets), copies, strict=True):
        assert torch.equal(tensor, copy), f"loss must not change the {name} it is given"
    return loss


def _check_gradient(task: Task, targets: Tensor) -> None:
    outputs = torch.randn((3, *targets.shape), generator=stream("check", 2)).requires_grad_()
    loss = task.loss(outputs, targets.expand_as(outputs))
    assert loss.requires_grad, "the loss must depend on the outputs: it has no gradient"
    (gradient,) = torch.autograd.grad(loss.sum(), outputs, materialize_grads=True)
    assert bool(torch.isfinite(gradient).all()), "the loss must have a finite gradient"
    assert bool(gradient.any()), "the loss must depend on the outputs: its gradient is zero"


def check_classifier(classifier: Classifier, spec: MLPSpec) -> None:
    """Check the order parameters and labels of a classifier on random networks of `spec`."""
    _check_declarations(classifier)
    networks, sibling = (_random_networks(spec, NETWORKS, seed) for seed in (0, 1))
    parameters = _check_order_parameters(classifier, networks, sibling)
    _check_labels(classifier, parameters)
    _check_neighbours(classifier, networks, sibling)
    _check_leading_axes(classifier, networks, sibling)
    _check_without_sibling(classifier, networks)
    _check_neuron_order(classifier, networks, sibling)
    _check_named(classifier, parameters)
    _check_nan(classifier, networks)
    _check_outcomes(classifier)


def _check_declarations(classifier: Classifier) -> None:
    task: object = classifier.task
    assert isinstance(task, str), f"task must be the name of a task, not {task!r}"
    assert task.strip(), "task must be the name of a task, not empty"
    assert UNKNOWN in classifier.colours, f"colours must hold the label {UNKNOWN!r}"
    for label, colour in classifier.colours.items():
        assert is_color_like(colour), f"the colour of {label!r} is {colour!r}, which matplotlib does not know"
    for name, boundary in classifier.boundaries.items():
        assert math.isfinite(boundary), f"the boundary of {name} must be finite, not {boundary}"


def _check_order_parameters(classifier: Classifier, networks: MLPWeights, sibling: MLPWeights) -> dict[str, Tensor]:
    given = [weights.map(torch.clone) for weights in (networks, sibling)]
    parameters = classifier.order_parameters(networks, sibling)
    untouched = _equal(networks, given[0]) and _equal(sibling, given[1])
    assert untouched, "order_parameters must not change the weights it is given"
    assert parameters, "there must be an order parameter"
    for name, values in parameters.items():
        shape = list(values.shape)
        assert shape == [NETWORKS], f"{name} must be one number per network, [{NETWORKS}], not {shape}"
    _check_close(classifier.order_parameters(networks, sibling), parameters, "must be the same when computed again")
    return parameters


def _check_labels(classifier: Classifier, parameters: Mapping[str, Tensor]) -> None:
    labels = classifier.classify(parameters)
    count = len(labels)
    assert count == NETWORKS, f"classify must give one label per network, {NETWORKS}, not {count}"
    uncoloured = sorted(set(labels) - set(classifier.colours))
    assert not uncoloured, f"labels {uncoloured} have no colour"
    assert classifier.classify(parameters) == labels, "classify must give the same labels again"
    assert len(classifier.varieties(parameters)) == NETWORKS, "varieties must give one name per network"
    confidence = classifier.confidence(parameters)
    assert len(confidence) == NETWORKS, "confidence must give one number per network"
    sure = all(math.isnan(number) or 0 <= number <= 1 for number in confidence)
    assert sure, f"confidence must be from 0 to 1, or NaN, not {confidence}"


def _check_neighbours(classifier: Classifier, networks: MLPWeights, sibling: MLPWeights) -> None:
    together = classifier.order_parameters(networks, sibling)
    labels = classifier.classify(together)
    for index, label in enumerate(labels):
        alone = classifier.order_parameters(networks[index], sibling[index])
        _check_close(alone, {name: values[index] for name, values in together.items()}, "depends on other networks")
        assert classifier.classify(alone) == [label], "a label must not depend on the networks beside it"


def _check_leading_axes(classifier: Classifier, networks: MLPWeights, sibling: MLPWeights) -> None:
    row = classifier.order_parameters(networks, sibling)
    square = classifier.order_parameters(*(weights.map(_square) for weights in (networks, sibling)))
    for name, values in square.items():
        shape, right = list(values.shape), list(_square(row[name]).shape)
        assert shape == right, f"{name} must have the leading axes of the weights, {right}, not {shape}"
    flat = {name: values.flatten() for name, values in square.items()}
    _check_close(flat, row, "depends on how the leading axes are arranged")
    same = classifier.classify(square) == classifier.classify(row)
    assert same, "classify must give one label per network, over the flattened axes"


def _square(tensor: Tensor) -> Tensor:
    return tensor.reshape(2, NETWORKS // 2, *tensor.shape[1:])


def _check_without_sibling(classifier: Classifier, networks: MLPWeights) -> None:
    parameters = classifier.order_parameters(networks)
    for method in (classifier.classify, classifier.varieties, classifier.confidence):
        try:
            method(parameters)
        except KeyError as error:
            message = f"{method.__name__} must do without {error}, which is left out where there is no sibling"
            raise AssertionError(message) from error


def _check_neuron_order(classifier: Classifier, networks: MLPWeights, sibling: MLPWeights) -> None:
    if networks.spec.masks:  # they tell neurons apart
        return
    parameters = classifier.order_parameters(networks, sibling)
    labels = classifier.classify(parameters)
    for layer in range(1, len(networks.spec.sizes) - 1):
        complaint = f"depends on the order of the neurons of layer {layer}"
        shuffled = classifier.order_parameters(_shuffled(networks, layer), _shuffled(sibling, layer))
        _check_close(shuffled, parameters, complaint)
        assert classifier.classify(shuffled) == labels, f"a label {complaint}"


def _shuffled(networks: MLPWeights, layer: int) -> MLPWeights:
    """The same functions, with the neurons of a hidden layer in another order."""
    order = torch.randperm(networks.spec.sizes[layer], generator=stream("check", layer))
    weights = list(networks.weights)
    for index, connection in enumerate(networks.spec.connections):
        if connection.target == layer:
            weights[index] = weights[index][..., order, :]
        if connection.source == layer:
            weights[index] = weights[index][..., order]
    biases = (bias[..., order] if number == layer else bias for number, bias in enumerate(networks.biases, 1))
    return MLPWeights(networks.spec, tuple(weights), tuple(biases))


def _check_named(classifier: Classifier, parameters: Mapping[str, Tensor]) -> None:
    for where, names in (
        ("boundaries", set(classifier.boundaries)),
        ("planes", {name for plane in classifier.planes for name in plane}),
    ):
        unknown = sorted(names - set(parameters))
        assert not unknown, f"{where}: {unknown} are no order parameters"


def _check_nan(classifier: Classifier, networks: MLPWeights) -> None:
    broken = networks.map(lambda tensor: torch.full_like(tensor, torch.nan))
    assert set(classifier.classify(classifier.order_parameters(broken))) == {UNKNOWN}, f"NaN must be {UNKNOWN!r}"


def _check_outcomes(classifier: Classifier) -> None:
    """Check the names of developments in which one label gives way to another at low prices."""
    if not classifier.outcomes:
        return
    cheap = BETAS // 2
    for early, late, kl in product(classifier.colours, classifier.colours, (0.0, 100.0)):
        phases = [[early] * BETAS, [late] * cheap + [early] * (BETAS - cheap)]
        name = classifier.outcome(phases, [kl] * BETAS)
        assert name in classifier.outcomes, f"outcome gives {name!r}, which is not among the outcomes"


def _check_close(found: Mapping[str, Tensor], right: Mapping[str, Tensor], complaint: str) -> None:
    assert found.keys() == right.keys(), f"which order parameters there are {complaint}"
    for name, values in right.items():
        close = torch.allclose(found[name], values, rtol=1e-4, atol=1e-5, equal_nan=True)  # sums round as they please
        assert close, f"{name} {complaint}"


def check_visualizer(visualizer: Visualizer, spec: MLPSpec, folder: Path) -> None:
    """Check that every layout of a visualizer draws networks of `spec` into `folder`, the same for the same seed.

    They are drawn into a file each, alone, and into one file together.
    """
    layouts = list(visualizer.layouts)
    assert layouts, "there must be a layout"
    assert len(set(layouts)) == len(layouts), f"a layout is named twice in {layouts}"
    networks = _random_networks(spec, 2)
    _check_refusals(visualizer, networks[:1], folder)
    for layout in layouts:
        draw = partial(_drawn, visualizer, layout)
        one, other = draw(networks, [folder / f"{layout}-untitled-{index}.svg" for index in range(2)], ())
        assert one != other, f"{layout}: different networks must be drawn differently"
        for suffix in SIGNATURES:
            _check_drawings(draw, networks, folder / f"{layout}{suffix}")


def _check_refusals(visualizer: Visualizer, network: MLPWeights, folder: Path) -> None:
    layout = visualizer.layouts[0]
    blocking = folder / "file"
    blocking.write_bytes(b"")
    _check_refusal(visualizer, network, folder / "refused.svg", "no such layout", UsageError)
    _check_refusal(visualizer, network, folder / "refused.nonsense", layout, UsageError)
    _check_refusal(visualizer, network, blocking / "folder" / "refused.svg", layout, FileError)


def _check_refusal(
    visualizer: Visualizer, network: MLPWeights, path: Path, layout: str, right: type[Exception]
) -> None:
    wrong = f"layout {layout!r} and the file {path} must raise {right.__name__}"
    try:
        visualizer.draw(network, [path], layout=layout, titles=["network"])
    except right:
        return
    except Exception as error:
        raise AssertionError(f"{wrong}, not {error!r}") from error
    raise AssertionError(wrong)


def _check_drawings(draw: Draw, networks: MLPWeights, path: Path) -> None:
    """Check drawings of two networks in a format, into files beside `path`."""
    paths = [path.with_stem(f"{path.stem}-{name}") for name in ("first", "second", "alone", "together")]
    first, second = draw(networks, paths[:2], TITLES)
    alone, again = (draw(networks[:1], paths[2:3], TITLES[:1]) for _ in range(2))
    assert alone == again, f"{path.name}: the same seed must give the same file"
    assert alone == [first], f"{path.name}: a network must be drawn alone as beside others"
    (page,) = draw(networks, paths[3:], TITLES)
    assert page not in (first, second), f"{path.name}: one path must get all networks"


def _drawn(
    visualizer: Visualizer, layout: str, networks: MLPWeights, paths: Sequence[Path], titles: Sequence[str]
) -> list[bytes]:
    """Draw, and check what this leaves behind; gives what is in the files."""
    given, figures = networks.map(torch.clone), plt.get_fignums()
    for path in paths:
        path.unlink(missing_ok=True)
    with _own_stream("draw", "seed"):
        try:
            visualizer.draw(networks, paths, layout=layout, seed=1, titles=titles)
        except Exception as error:
            names = [path.name for path in paths]
            raise AssertionError(f"drawing {names} with titles {list(titles)} raises {error!r}") from error
    assert _equal(networks, given), "draw must not change the weights it is given"
    assert plt.get_fignums() == figures, "draw leaves figures of pyplot open: close them, or use Figure"
    return [_read(path) for path in paths]


def _read(path: Path) -> bytes:
    assert path.exists(), f"{path.name} must be written"
    data = path.read_bytes()
    wrong = f"{path.name} holds another format"
    assert data.startswith(SIGNATURES[path.suffix]), wrong
    if path.suffix == ".svg":
        try:
            tag = ElementTree.fromstring(data).tag
        except ElementTree.ParseError as error:
            raise AssertionError(f"{path.name} is no well-formed XML: {error}") from error
        assert tag.rpartition("}")[2] == "svg", wrong
    return data


@contextmanager
def _own_stream(method: str, own: str) -> Iterator[None]:
    """Refuse draws from the streams that all of a process shares."""
    before = _shared_streams()
    yield
    for library, state in _shared_streams().items():
        assert state == before[library], f"{method} draws from the global stream of {library}: use {own}"


def _shared_streams() -> dict[str, object]:
    state: Any = np.random.get_state()
    _, keys, *place = state
    return {
        "torch": torch.get_rng_state().tolist(),
        "numpy": (keys.tolist(), place),
        "random": random.getstate(),
    }


def _equal(one: MLPWeights, other: MLPWeights) -> bool:
    return all(map(torch.equal, one.weights + one.biases, other.weights + other.biases))


def _random_networks(spec: MLPSpec, count: int, seed: int = 0) -> MLPWeights:
    rng = stream("check", seed)
    weights = [
        torch.randn((count, spec.sizes[c.target], spec.sizes[c.source]), generator=rng) * kept_weights(spec, c)
        for c in spec.connections
    ]
    biases = [torch.randn((count, size), generator=rng) for size in spec.sizes[1:]] if spec.bias else []
    return MLPWeights(spec, tuple(weights), tuple(biases))
