"""Checks for plugin authors: call one from a test of your plugin; it raises AssertionError naming what is wrong."""

from __future__ import annotations

from pathlib import Path

import torch
from matplotlib.colors import is_color_like
from torch import Tensor

from hypergraph.interfaces import UNKNOWN, Classifier, Task, Visualizer
from hypergraph.spec import MLPSpec
from hypergraph.streams import stream
from hypergraph.weights import MLPWeights, kept_weights


def check_task(task: Task, batch: int = 7) -> None:
    """Check the sampler and the loss of a task on its default network."""
    spec = task.default_spec
    task.check_spec(spec)
    assert task.solved_loss > 0, "solved_loss must be positive"
    contours = list(task.contours)
    assert contours == sorted(contours), f"contours must ascend, not {contours}"
    assert task.normalisation(spec)[1] > 0, "the deviation of a normalisation must be positive"
    before = torch.get_rng_state()
    inputs, targets = task.sample(spec, batch, stream("check", 0))
    assert torch.equal(before, torch.get_rng_state()), "sample draws from torch's global stream: use rng"
    for name, tensor, width in (("inputs", inputs, spec.sizes[0]), ("targets", targets, spec.sizes[-1])):
        assert tensor.shape == (batch, width), f"{name} must be [batch, {width}], not {list(tensor.shape)}"
        assert tensor.dtype == torch.float32, f"{name} must be float32, not {tensor.dtype}"
        assert bool(torch.isfinite(tensor).all()), f"{name} must be finite"
    again, other = (task.sample(spec, batch, stream("check", seed))[0] for seed in (0, 1))
    assert torch.equal(inputs, again), "the same stream must give the same inputs"
    assert not torch.equal(inputs, other), "another stream must give other inputs"
    _check_loss(task, targets)


def _check_loss(task: Task, targets: Tensor) -> None:
    outputs = torch.randn((3, *targets.shape), generator=stream("check", 2)).requires_grad_()
    loss = task.loss(outputs, targets.expand_as(outputs))
    assert loss.shape == (3,), f"loss must be one number per network, [3], not {list(loss.shape)}"
    alone = torch.stack([task.loss(output, targets) for output in outputs])
    assert torch.allclose(loss, alone), "the loss of a network must not depend on the others beside it"
    (gradient,) = torch.autograd.grad(loss.sum(), outputs)
    assert bool(torch.isfinite(gradient).all()), "the loss must have a finite gradient"


def check_classifier(classifier: Classifier, spec: MLPSpec) -> None:
    """Check the order parameters and labels of a classifier on random networks of `spec`."""
    colours = classifier.colours
    assert UNKNOWN in colours, f"colours must hold the label {UNKNOWN!r}"
    for label, colour in colours.items():
        assert is_color_like(colour), f"the colour of {label!r} is {colour!r}, which matplotlib does not know"
    networks, sibling = _random_networks(spec, 4), _random_networks(spec, 4, seed=1)
    together = classifier.order_parameters(networks, sibling)
    labels = classifier.classify(together)
    assert len(labels) == 4, f"classify must give one label per network, 4, not {len(labels)}"
    assert set(labels) <= set(colours), f"labels {sorted(set(labels) - set(colours))} have no colour"
    for index in range(4):
        alone = classifier.order_parameters(networks[index], sibling[index])
        for name, values in together.items():
            assert values.shape == (4,), f"{name} must be one number per network, [4], not {list(values.shape)}"
            assert torch.allclose(values[index], alone[name], equal_nan=True), f"{name} depends on other networks"
        assert classifier.classify(alone) == [labels[index]], "a label must not depend on the networks beside it"
    assert len(classifier.varieties(together)) == 4, "varieties must give one name per network"
    named = {*classifier.boundaries, *(name for plane in classifier.planes for name in plane)}
    assert named <= set(together), f"{sorted(named - set(together))} are no order parameters"
    broken = networks.map(lambda tensor: torch.full_like(tensor, torch.nan))
    assert set(classifier.classify(classifier.order_parameters(broken))) == {UNKNOWN}, f"NaN must be {UNKNOWN!r}"


def check_visualizer(visualizer: Visualizer, spec: MLPSpec, folder: Path) -> None:
    """Check that every layout of a visualizer draws networks of `spec` into `folder`, the same for the same seed.

    They are drawn into a file each, alone, and into one file together.
    """
    assert visualizer.layouts, "there must be a layout"
    networks = _random_networks(spec, 2)
    for layout in visualizer.layouts:
        for suffix in ("svg", "png", "pdf"):
            paths = [folder / f"{layout}-{index}.{suffix}" for index in range(3)]
            visualizer.draw(networks, paths[:2], layout=layout, seed=1, titles=["$a<b", "ü"])
            visualizer.draw(networks[:1], paths[2:], layout=layout, seed=1, titles=["$a<b"])
            first, second, alone = (path.read_bytes() for path in paths)
            assert first == alone, f"{layout}, {suffix}: a network must be drawn alone as beside others"
            page = folder / f"{layout}-together.{suffix}"
            visualizer.draw(networks, [page], layout=layout, seed=1, titles=["$a<b", "ü"])
            assert page.exists(), f"{layout}, {suffix}: two networks must be drawn where there is one path"
            assert page.read_bytes() not in (first, second), f"{layout}, {suffix}: one path must get all networks"


def _random_networks(spec: MLPSpec, count: int, seed: int = 0) -> MLPWeights:
    rng = stream("check", seed)
    weights = [
        torch.randn((count, spec.sizes[c.target], spec.sizes[c.source]), generator=rng) * kept_weights(spec, c)
        for c in spec.connections
    ]
    biases = [torch.randn((count, size), generator=rng) for size in spec.sizes[1:]] if spec.bias else []
    return MLPWeights(spec, tuple(weights), tuple(biases))
