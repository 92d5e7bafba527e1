"""Floating-point operations of the work, counted on the meta device, where nothing is computed.

python -m benchmarks.operations LAYERS training|generation
"""

from __future__ import annotations

import sys
from unittest import mock

import torch
from torch.utils.flop_counter import FlopCounterMode, bmm_flop

from hypergraph.model import attention
from hypergraph.model.dimensions import DRAWS, HYPERDEPTH
from hypergraph.model.generator import Generator
from hypergraph.spec import MLPSpec

IN_PLACE = {torch.ops.aten.baddbmm_: lambda _, a, b, **__: bmm_flop(a, b)}
"""The counter does not know this form by itself."""


def count_operations(spec: MLPSpec, training: bool, batch: int = 256) -> int:
    """Of the matrix products of one member: of a training step on `batch` inputs, or of generating without the encoder.

    A multiplication and an addition count as two. Everything else (exponentials, noise, Adam) is left out, so that a
    time that follows from the count is a lower bound.
    """
    generator = Generator.initial([spec], [torch.Generator()]).to("meta")
    draws = torch.empty(1, HYPERDEPTH, DRAWS, spec.weight_count, device="meta")
    beta = torch.ones(1, device="meta")
    generator(beta, draws, [spec], encoder=training)  # makes the computation graph, which does not count
    with (
        mock.patch.object(attention, "MAX_SCORES", 2**62),
        FlopCounterMode(display=False, custom_mapping=IN_PLACE) as counter,
    ):
        (network,), kl = generator(beta, draws, [spec], encoder=training)
        if training:
            outputs = network(torch.empty(1, batch, spec.sizes[0], device="meta"))
            (outputs.sum() + kl.sum()).backward()
    return int(counter.get_total_flops())


if __name__ == "__main__":
    sizes = tuple(map(int, sys.argv[1].split(",")))
    print(count_operations(MLPSpec(sizes), training=sys.argv[2] == "training"))
