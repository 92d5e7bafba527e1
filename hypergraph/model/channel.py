"""The information bottleneck (B.2.1): latents from encoder to decoder are sampled, and their information costs KL."""

import torch
from torch import Tensor

from hypergraph.model.dimensions import LATENT

SCALE_RANGE = 5.0
"""Bound of |log sigma|, so that neither the KL nor a sample can overflow."""


def channel(distributions: Tensor, epsilon: Tensor, encoder: bool) -> tuple[Tensor, Tensor]:
    """Sample the latents and compute their KL.

    The encoder side gives the posterior q, the decoder side the prior p, both normal. With the encoder, latents are
    drawn from q and cost KL(q‖p) = log(σp/σq) + (σq² + (μq − μp)²) / 2σp² − ½; without it they are drawn from p.

    Args:
        distributions: [member, 2 * LATENT, side, weight], means and then raw scales; sides (encoder, decoder), or
            the decoder alone where the encoder is ignored.
        epsilon: standard normal draws, [member, LATENT, weight].
        encoder: whether the encoder is used.

    Returns:
        latents [member, LATENT, weight], which both sides receive, and KL in nats [member, weight].
    """
    means, raw = distributions.split(LATENT, 1)
    log_scales = SCALE_RANGE * torch.tanh(raw / SCALE_RANGE)
    if not encoder:
        latents = means[:, :, -1] + log_scales[:, :, -1].exp() * epsilon
        return latents, latents.new_zeros(latents.shape[0], latents.shape[2])
    (mean_q, mean_p), (log_q, log_p) = means.unbind(2), log_scales.unbind(2)
    ratio = log_p - log_q
    kl = ratio + ((-2 * ratio).exp() + (mean_q - mean_p).square() * (-2 * log_p).exp() - 1) / 2
    return mean_q + log_q.exp() * epsilon, kl.sum(1)
