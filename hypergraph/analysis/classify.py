"""Put a classifier's labels beside networks, also where there is no classifier or it does not know such networks."""

from __future__ import annotations

import logging
from collections.abc import Sequence

from hypergraph.errors import SpecError
from hypergraph.interfaces import Classifier
from hypergraph.weights import MLPWeights

_log = logging.getLogger(__name__)


def classify(
    classifier: Classifier | None, networks: MLPWeights, sibling: MLPWeights | None = None
) -> tuple[Sequence[str | None], list[dict[str, float]]]:
    """A label (None where there is none) and the order parameters of each of `networks`, which lead with [network]."""
    count = len(networks.weights[0])
    if classifier is None:
        return [None] * count, [{}] * count
    try:
        tensors = classifier.order_parameters(networks, sibling)
        values = [{name: float(tensor[index]) for name, tensor in tensors.items()} for index in range(count)]
        return classifier.classify(tensors), values
    except SpecError:
        return [None] * count, [{}] * count
    except Exception as error:  # a broken plugin must not cost a training
        _log.warning("passed over: the classifier of %s raised %r", classifier.task, error)
        return [None] * count, [{}] * count
