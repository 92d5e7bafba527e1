"""Adam (Kingma and Ba 2015), one fused kernel a step.

It is `torch.optim.Adam(fused=True)` without the class, whose first use imports torch's compiler: over a second in every
process that trains.
"""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor
from torch.optim.adam import adam


class Adam:
    """The moments of some parameters.

    Attributes:
        parameters: what is trained; leaves that require gradients.
        means: first moments, of the shapes of the parameters.
        squares: second moments, of the same shapes.
        steps: how often each parameter was updated, scalars.
    """

    def __init__(self, parameters: Iterable[Tensor], betas: tuple[float, float] = (0.9, 0.999)) -> None:
        self.parameters, self.betas = list(parameters), betas
        self.means = [torch.zeros_like(parameter) for parameter in self.parameters]
        self.squares = [torch.zeros_like(parameter) for parameter in self.parameters]
        self.steps = [torch.zeros((), device=parameter.device) for parameter in self.parameters]

    @torch.no_grad()
    def step(self, rate: float) -> None:
        """Update the parameters that have a gradient, and clear the gradients."""
        having = [i for i, parameter in enumerate(self.parameters) if parameter.grad is not None]
        parameters, means, squares, steps = (
            [column[i] for i in having] for column in (self.parameters, self.means, self.squares, self.steps)
        )
        adam(
            parameters,
            [gradient for parameter in parameters if (gradient := parameter.grad) is not None],
            means,
            squares,
            [],
            steps,
            fused=True,
            amsgrad=False,
            beta1=self.betas[0],
            beta2=self.betas[1],
            lr=rate,
            weight_decay=0.0,
            eps=1e-8,
            maximize=False,
        )
        for parameter in parameters:
            parameter.grad = None
