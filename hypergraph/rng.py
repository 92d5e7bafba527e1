"""Random streams that depend only on their key.

Every draw belongs to a key such as (seed, member, step). A member therefore draws the same numbers alone and in a
batch, a resumed run draws the same numbers as an uninterrupted one, and no generator state has to be saved.
"""

from hashlib import blake2b
from operator import index

import torch


def restart(rng: torch.Generator, *key: int | str) -> torch.Generator:
    """Set `rng` to the start of the stream of `key`, and return it."""
    plain = tuple(part if isinstance(part, str) else index(part) for part in key)  # numpy writes its integers otherwise
    digest = blake2b(repr(plain).encode(), digest_size=8).digest()
    return rng.manual_seed(int.from_bytes(digest, "little") >> 1)


def stream(*key: int | str, device: torch.device | str = "cpu") -> torch.Generator:
    """The random stream of `key` on a device."""
    return restart(torch.Generator(device=device), *key)
