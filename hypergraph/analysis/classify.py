"""Put a classifier's labels beside networks, also where there is no classifier or it does not know such networks."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from hypergraph.errors import SpecError
from hypergraph.extensions.attribution import attribute_error
from hypergraph.extensions.registry import warn_skipped
from hypergraph.interfaces import Classifier
from hypergraph.weights import MLPWeights


class Verdict(NamedTuple):
    """What a classifier says of one network.

    Attributes:
        algorithm: its label, None where no classifier knows such networks.
        confidence: of that label, from 0 to 1, as Classifier.confidence defines it.
        order_parameters: by name.
    """

    algorithm: str | None = None
    confidence: float | None = None
    order_parameters: dict[str, float] = {}  # noqa: RUF012, nobody writes to it


def classify_strict(classifier: Classifier, networks: MLPWeights, sibling: MLPWeights | None = None) -> list[Verdict]:
    """One verdict for each of `networks`, which lead with [network]. Raises SpecError where it cannot classify them."""
    tensors = classifier.order_parameters(networks.map(_single), sibling)
    values = [{name: float(tensor[index]) for name, tensor in tensors.items()} for index in range(networks.lead[0])]
    return list(map(Verdict, classifier.classify(tensors), classifier.confidence(tensors), values))


def _single(tensor: Tensor) -> Tensor:
    """In single precision at least: many operators know no half."""
    return tensor.float() if torch.finfo(tensor.dtype).bits < 32 else tensor


def classify(classifier: Classifier | None, networks: MLPWeights, sibling: MLPWeights | None = None) -> list[Verdict]:
    """As :func:`classify_strict`; empty verdicts where no classifier knows such networks, or it is broken."""
    if classifier is not None:
        try:
            return classify_strict(classifier, networks, sibling)
        except SpecError:
            pass
        except (Exception, SystemExit) as error:  # a broken plugin must not cost a training
            warn_skipped(
                str(attribute_error(error) or f"the classifier {type(classifier).__qualname__} raised {error!r}")
            )
    return [Verdict()] * networks.lead[0]
