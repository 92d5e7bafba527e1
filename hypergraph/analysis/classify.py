"""Label networks with a classifier, or leave them without a label where no classifier works for them."""

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
    """A classifier's verdict on one network.

    Attributes:
        algorithm: the label; None where no classifier works for such networks.
        confidence: of the label, from 0 to 1, as Classifier.confidence defines it.
        order_parameters: by name.
    """

    algorithm: str | None = None
    confidence: float | None = None
    order_parameters: dict[str, float] = {}  # noqa: RUF012, nobody writes to it


def classify_strict(classifier: Classifier, networks: MLPWeights, sibling: MLPWeights | None = None) -> list[Verdict]:
    """Classify networks with the leading axis [network]. Raises SpecError where the classifier refuses them."""
    tensors = classifier.order_parameters(networks.map(_single), sibling)
    values = [{name: float(tensor[index]) for name, tensor in tensors.items()} for index in range(networks.lead[0])]
    return list(map(Verdict, classifier.classify(tensors), classifier.confidence(tensors), values))


def _single(tensor: Tensor) -> Tensor:
    """In single precision at least: many operators lack half precision."""
    return tensor.float() if torch.finfo(tensor.dtype).bits < 32 else tensor


def classify(classifier: Classifier | None, networks: MLPWeights, sibling: MLPWeights | None = None) -> list[Verdict]:
    """As `classify_strict`, with empty verdicts where there is no classifier, or it refuses or fails."""
    if classifier is not None:
        try:
            return classify_strict(classifier, networks, sibling)
        except SpecError:
            pass
        except (Exception, SystemExit) as error:  # a broken plugin must not end a training
            warn_skipped(
                str(attribute_error(error) or f"the classifier {type(classifier).__qualname__} raised {error!r}")
            )
    return [Verdict()] * networks.lead[0]
