"""Order parameters of arrangements of features, over any leading axes of networks of linear layers.

All follow from the product M of the layers, [feature, feature]: where outputs are positive, output i is Σ_j M_ij x_j +
bias. Turning hidden dimensions into each other does not change it. N_ij = M_ij / M_ii is what output i gives of
feature j, relative to its own.
"""

from __future__ import annotations

import torch
from torch import Tensor

from hypergraph.order_parameters import positive
from hypergraph.weights import MLPWeights

REPRESENTED = 0.5
"""A feature is represented if at least this share of it comes back."""
OPPOSED = -0.25
"""Up to this N_ij, feature j silences output i. The corners of a tetrahedron have -0.33, those of a pentagon -0.81."""
MISTAKEN = 0.5
"""From this N_ij on, feature j is mistaken for i. The neighbours in a pentagon have 0.31."""
SHAPES = ("dedicated", "antipodal", "triangle", "tetrahedron", "pentagon")


def round_trip(weights: MLPWeights) -> Tensor:
    """How every output depends on every input where all outputs are positive: [..., feature, feature]"""
    product, *others = weights.weights
    for weight in others:
        product = weight @ product
    return product


def represented(product: Tensor) -> Tensor:
    """Which features come back: bool [..., feature]"""
    return product.diagonal(0, -2, -1) >= REPRESENTED


def shares(product: Tensor) -> dict[str, Tensor]:
    """For every shape, the share of the represented features that are in one, [...] each.

    Two features are opposed where at least one silences the other. A shape is who is opposed to whom: none, one other,
    all of three, all of four, or five in a ring, as the corners of a pentagon that are two apart. A feature is in none
    that others are mistaken for, or that one silences which is not represented.
    """
    found, relative = represented(product), _relative(product)
    silenced = (relative <= OPPOSED) & found.unsqueeze(-1) & found.unsqueeze(-2)
    opposed = (silenced | silenced.mT).to(product)
    degree = opposed.sum(-1)
    three, five = (torch.linalg.matrix_power(opposed, n).diagonal(0, -2, -1) for n in (3, 5))
    alike = (opposed @ degree.unsqueeze(-1)).squeeze(-1) == degree.square()
    disturbing = torch.where(found.unsqueeze(-2), relative, relative.abs())
    clear = found & alike & (disturbing.amax(-1) < MISTAKEN)
    walks = {  # the opposed, and how many walks lead over three and over five of them and back
        "dedicated": (degree == 0),
        "antipodal": (degree == 1),
        "triangle": (degree == 2) & (three == 2),
        "tetrahedron": (degree == 3) & (three == 6),
        "pentagon": (degree == 2) & (three == 0) & (five == 2),
    }
    count = positive(found.sum(-1).to(product))
    return {name: (clear & walks[name]).sum(-1) / count for name in SHAPES}


def interference(product: Tensor) -> Tensor:
    """What comes back of other features that the relu does not remove: Σ_j max(N_ij, 0)², on average. -> [...]

    0 for all shapes but the pentagon, which has 0.19.
    """
    found = represented(product)
    each = _relative(product).clamp(min=0).square().sum(-1) * found
    return each.sum(-1) / positive(found.sum(-1).to(product))


def dimensionality(product: Tensor) -> Tensor:
    """Dimensions a represented feature, 0 where there is none. -> [...]

    Elhage et al. (2022) define it as D_i = |W_i|² / Σ_j (Ŵ_i·W_j)², where the weights are tied and M = WᵀW. This is the
    mean of 1 / Σ_j c_ij² over represented features, with the squared cosines c_ij² = N_ij N_ji: 1 in a dimension of its
    own, 1/2 in an antipodal pair, 2/3 in a triangle, 3/4 in a tetrahedron, 2/5 in a pentagon.
    """
    found, relative = represented(product), _relative(product)
    squares = (relative * relative.mT).clamp(min=0).sum(-1)
    return (found / (1 + squares)).sum(-1) / positive(found.sum(-1).to(product))


def _relative(product: Tensor) -> Tensor:
    """N_ij for outputs of represented features, 0 on the diagonal and for other outputs: [..., feature, feature]"""
    found, own = represented(product), product.diagonal(0, -2, -1)
    rows = product * found.unsqueeze(-1) / torch.where(found, own, 1).unsqueeze(-1)
    return rows - torch.diag_embed(rows.diagonal(0, -2, -1))
