"""Order parameters of arrangements of features, over any leading axes of networks of linear layers.

Reading and writing weights are not tied: both may be turned against each other, and any feature read k times as large
and written as much smaller. What matters is the product M of all layers, [feature, feature], and in it what no such
change touches: the cosine of two features, c_ij² = M_ij·M_ji / (M_ii·M_jj), with the sign of M_ij. Where weights are
tied, it is the cosine of the angle between the features' directions.
"""

from __future__ import annotations

import torch
from torch import Tensor

from hypergraph.order_parameters import positive
from hypergraph.weights import MLPWeights

REPRESENTED = 0.5
"""A feature is represented if at least this share of it comes back."""
SHAPES = {
    "dedicated": (),
    "antipodal": (-1.0,),
    "triangle": (-0.5, -0.5),
    "tetrahedron": (-1 / 3, -1 / 3, -1 / 3),
    "pentagon": (-0.809, -0.809, 0.309, 0.309),
}
"""The arrangements, and the cosines of a feature with the others in it."""
ALIKE = 0.35
"""The largest distance of a feature's cosines to those of a shape. Tetrahedron and triangle are 0.41 apart."""


def round_trip(weights: MLPWeights) -> Tensor:
    """How every output depends on every input where all outputs are positive: [..., feature, feature]"""
    product, *others = weights.weights
    for weight in others:
        product = weight @ product
    return product


def represented(product: Tensor) -> Tensor:
    """Which features come back: bool [..., feature]"""
    return product.diagonal(0, -2, -1) >= REPRESENTED


def cosines(product: Tensor) -> Tensor:
    """Those of represented features with other represented ones, 0 elsewhere: [..., feature, feature]"""
    own = torch.where(represented(product), product.diagonal(0, -2, -1), 0)
    both = own.unsqueeze(-1) * own.unsqueeze(-2)
    squares = (product * product.mT).clamp(min=0) * (both > 0) / positive(both)
    return squares.sqrt().copysign(product) * (1 - torch.eye(product.shape[-1]).to(product))


def foreign(product: Tensor) -> Tensor:
    """How much of features that are not represented each other one gives: Σ_j M_ij² / M_ii². -> [..., feature]"""
    found = represented(product)
    own = torch.where(found, product.diagonal(0, -2, -1), 1)
    return (product.square() * ~found.unsqueeze(-2)).sum(-1) * found / own.square()


def shares(product: Tensor) -> dict[str, Tensor]:
    """For every shape, the share of the represented features that are in one, [...] each."""
    found, rows = represented(product), cosines(product).sort(-1).values
    size = product.shape[-1]
    shapes = {name: shape for name, shape in SHAPES.items() if len(shape) < size}
    ideals = [rows.new_tensor(sorted([*shape, *[0.0] * (size - len(shape))])) for shape in shapes.values()]
    nearest, which = torch.stack([(rows - ideal).square().sum(-1) for ideal in ideals]).min(0)
    alike = found & (nearest + foreign(product) <= ALIKE**2)
    count = positive(found.sum(-1).to(product))
    counts = {name: (alike & (which == number)).sum(-1) for number, name in enumerate(shapes)}
    return {name: counts.get(name, torch.zeros_like(count)) / count for name in SHAPES}


def dimensionality(product: Tensor) -> Tensor:
    """Dimensions a represented feature, 0 where there is none. -> [...]

    Elhage et al. (2022) define it as D_i = |W_i|² / Σ_j (Ŵ_i·W_j)². This is the mean of the same from cosines: 1 in a
    dimension of its own, 1/2 in an antipodal pair, 2/3 in a triangle, 3/4 in a tetrahedron, 2/5 in a pentagon.
    """
    found = represented(product)
    each = found / (1 + cosines(product).square().sum(-1) + foreign(product))
    return each.sum(-1) / positive(found.sum(-1).to(product))


def interference(product: Tensor) -> Tensor:
    """How much of other features a represented one gives, on average: Σ_j c_ij². -> [...]"""
    others = cosines(product).square().sum(-1) + foreign(product)
    return others.sum(-1) / positive(represented(product).sum(-1).to(product))
