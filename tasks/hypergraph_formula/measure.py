"""The inputs of a formula, and its values made comparable: mean 0 and variance 1 on these inputs."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from hypergraph_formula.parse import Formula

DRAWS = 2**16
"""Inputs on which a formula is measured: the deviation of a normal target is then right to 0.3 percent."""
REACH = {"normal": 1.5, "uniform": 1.0, "signs": 1.0}
"""How far beyond those inputs a formula is tried; in a training, 1.5 times as far is drawn once in 10^10 times."""
MAX_TARGET = 1e6
"""The largest normalised value, which a loss can still square."""
MAX_MEASURED = 100
"""The largest normalised value among the draws; beyond, one draw would decide what the deviation is."""

DISTRIBUTIONS: dict[str, Callable[[tuple[int, int], torch.Generator], Tensor]] = {
    "normal": lambda shape, rng: torch.randn(shape, generator=rng, device=rng.device),
    "uniform": lambda shape, rng: 2 * torch.rand(shape, generator=rng, device=rng.device) - 1,
    "signs": lambda shape, rng: 2.0 * torch.randint(2, shape, generator=rng, device=rng.device) - 1,
}


@dataclass(frozen=True)
class Normalised:
    """A formula less its mean, over its deviation: [..., input] -> [..., output].

    Attributes:
        mean: of each output.
        deviation: of each output.
    """

    formula: Formula
    mean: Sequence[float]
    deviation: Sequence[float]

    def __call__(self, inputs: Tensor) -> Tensor:
        outputs = self.formula(inputs.double()).unbind(-1)
        each = zip(outputs, self.mean, self.deviation, strict=True)  # plain numbers, which a GPU need not wait for
        return torch.stack([(output - mean) / deviation for output, mean, deviation in each], -1).float()


@functools.lru_cache(maxsize=8)
def normalised(text: str, distribution: str) -> Normalised:
    """The formula of a text, normalised on its inputs.

    Raises:
        ValueError: the text is no formula, or one that is constant or not finite on these inputs.
    """
    formula = Formula(text)
    draws = DISTRIBUTIONS[distribution]((DRAWS, formula.inputs), torch.Generator().manual_seed(0))
    simple = (2 * REACH[distribution] * draws).round() / 2  # zeros and equal inputs are where formulas break
    for inputs in (simple, draws):
        _check(formula, inputs, formula(inputs.double()), math.inf, "no finite number")
    values = formula(draws.double())
    mean, deviation = (_rounded(measured) for measured in (values.mean(0), values.std(0)))
    for name, spread, size in zip(formula.texts, deviation, values.abs().amax(0).tolist(), strict=True):
        if spread <= 1e-9 * size:
            raise ValueError(f"the formula {name!r} is constant where inputs are {distribution}: write one that varies")
    result = Normalised(formula, mean, deviation)
    for inputs, limit in ((simple, MAX_TARGET), (draws, MAX_MEASURED)):
        _check(formula, inputs, result(inputs), limit, "so rare and large that it hides all other values")
    return result


def _rounded(numbers: Tensor) -> list[float]:
    """To six digits, because the last ones depend on the number of threads."""
    return [float(f"{number:.6g}") for number in numbers.tolist()]


def _check(formula: Formula, inputs: Tensor, values: Tensor, limit: float, fault: str) -> None:
    """Raise ValueError, with the simplest example, unless all values [batch, output] are below the limit."""
    wrong = ~(values.abs() < limit)
    if not wrong.any():
        return
    rows = wrong.any(-1).nonzero().squeeze(-1)
    row = int(rows[inputs[rows].abs().sum(-1).argmin()])
    output = int(wrong[row].nonzero()[0])
    example = ", ".join(f"x{number}={value + 0.0:.3g}" for number, value in enumerate(inputs[row].tolist()))
    value = float(formula(inputs[row].double())[output])
    raise ValueError(
        f"the formula {formula.texts[output]!r} is {value:.3g} at {example}, {fault}: write one that stays moderate on "
        "all inputs, such as log(1 + x0**2) or x0/(1 + abs(x1))"
    )
