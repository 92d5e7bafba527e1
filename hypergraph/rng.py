"""Random streams that depend only on their key.

Every draw belongs to a key such as (seed, member, step). A member therefore draws the same numbers alone and in a
batch, a resumed run draws the same numbers as an uninterrupted one, and no generator state has to be saved.
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
