"""Checks of a classifier: its order parameters and its labels, on random networks."""

from __future__ import annotations

import math
from collections.abc import Mapping
from itertools import product
from typing import TypeAlias

import torch
from matplotlib.colors import is_color_like
from torch import Tensor

from hypergraph.interfaces import UNKNOWN, Classifier
from hypergraph.rng import stream
from hypergraph.spec import MLPSpec
from hypergraph.testing.networks import equal, random_networks
from hypergraph.weights import MLPWeights

NETWORKS = 4
"""The number of random networks, which are also arranged as a square."""
BETAS = 31
"""The number of betas of a phase diagram."""

Samples: TypeAlias = tuple[MLPWeights, MLPWeights]
"""Networks and their siblings."""
Parameters: TypeAlias = Mapping[str, Tensor]
"""Order parameters by name."""


def check_classifier(classifier: Classifier, spec: MLPSpec) -> None:
    """Check the order parameters and labels of a classifier on random networks of `spec`."""
    _check_declarations(classifier)
    samples = random_networks(spec, NETWORKS, 0), random_networks(spec, NETWORKS, 1)
    parameters = _check_order_parameters(classifier, samples)
    _check_labels(classifier, parameters)
    _check_neighbours(classifier, samples, parameters)
    _check_leading_axes(classifier, samples, parameters)
    _check_without_sibling(classifier, samples[0])
    _check_neuron_order(classifier, samples, parameters)
    _check_named(classifier, parameters)
    _check_nan(classifier, samples[0])
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


def _check_order_parameters(classifier: Classifier, samples: Samples) -> Parameters:
    copies = [weights.map(torch.clone) for weights in samples]
    parameters = classifier.order_parameters(*samples)
    assert all(map(equal, samples, copies)), "order_parameters must not change the weights it is given"
    assert parameters, "there must be an order parameter"
    for name, values in parameters.items():
        shape = list(values.shape)
        assert shape == [NETWORKS], f"{name} must be one number per network, [{NETWORKS}], not {shape}"
    _check_close(classifier.order_parameters(*samples), parameters, "must be the same when computed again")
    return parameters


def _check_labels(classifier: Classifier, parameters: Parameters) -> None:
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


def _check_neighbours(classifier: Classifier, samples: Samples, parameters: Parameters) -> None:
    for index, label in enumerate(classifier.classify(parameters)):
        alone = classifier.order_parameters(*(weights[index] for weights in samples))
        _check_close(alone, {name: values[index] for name, values in parameters.items()}, "depends on other networks")
        assert classifier.classify(alone) == [label], "a label must not depend on the networks beside it"


def _check_leading_axes(classifier: Classifier, samples: Samples, parameters: Parameters) -> None:
    square = classifier.order_parameters(*(weights.map(_square) for weights in samples))
    for name, values in square.items():
        shape, right = list(values.shape), list(_square(parameters[name]).shape)
        assert shape == right, f"{name} must have the leading axes of the weights, {right}, not {shape}"
    flat = {name: values.flatten() for name, values in square.items()}
    _check_close(flat, parameters, "depends on how the leading axes are arranged")
    same = classifier.classify(square) == classifier.classify(parameters)
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


def _check_neuron_order(classifier: Classifier, samples: Samples, parameters: Parameters) -> None:
    spec = samples[0].spec
    if spec.masks:  # masks distinguish neurons
        return
    labels = classifier.classify(parameters)
    for layer in range(1, len(spec.sizes) - 1):
        complaint = f"depends on the order of the neurons of layer {layer}"
        shuffled = classifier.order_parameters(*(_shuffled(weights, layer) for weights in samples))
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


def _check_named(classifier: Classifier, parameters: Parameters) -> None:
    names = {"boundaries": classifier.boundaries, "planes": [name for plane in classifier.planes for name in plane]}
    for attribute in names:
        unknown = sorted({*names[attribute]} - {*parameters})
        assert not unknown, f"{attribute}: {unknown} are no order parameters"


def _check_nan(classifier: Classifier, networks: MLPWeights) -> None:
    broken = networks.map(lambda tensor: torch.full_like(tensor, torch.nan))
    assert set(classifier.classify(classifier.order_parameters(broken))) == {UNKNOWN}, f"NaN must be {UNKNOWN!r}"


def _check_outcomes(classifier: Classifier) -> None:
    """Check the names of developments in which one label replaces another at low prices."""
    if not classifier.outcomes:
        return
    cheap = BETAS // 2
    for early, late, kl in product(classifier.colours, classifier.colours, (0.0, 100.0)):
        phases = [[early] * BETAS, [late] * cheap + [early] * (BETAS - cheap)]
        name = classifier.outcome(phases, [kl] * BETAS)
        assert name in classifier.outcomes, f"outcome gives {name!r}, which is not among the outcomes"


def _check_close(actual: Parameters, expected: Parameters, complaint: str) -> None:
    assert actual.keys() == expected.keys(), f"the set of order parameters {complaint}"
    for name, values in expected.items():
        close = torch.allclose(actual[name], values, rtol=1e-4, atol=1e-5, equal_nan=True)  # rounding differs
        assert close, f"{name} {complaint}"
