"""Random streams that depend on nothing but their key.

Every draw belongs to a key such as (seed, member, step). So a member draws the same numbers alone and in a batch, and a
run that is resumed draws what it would have drawn: no state of a generator needs to be kept.
"""

from hashlib import blake2b

import torch


def restart(rng: torch.Generator, *key: int | str) -> torch.Generator:
    """Set `rng` to the start of the stream of `key`, and return it."""
    digest = blake2b(repr(key).encode(), digest_size=8).digest()
    return rng.manual_seed(int.from_bytes(digest, "little") >> 1)


def stream(*key: int | str, device: torch.device | str = "cpu") -> torch.Generator:
    """The random stream of `key` on a device."""
    return restart(torch.Generator(device=device), *key)
