"""Pack arrays and JSON into texts that a script element can hold."""

from __future__ import annotations

import base64
import gzip
from typing import Any

import msgspec
import numpy as np

Array = np.ndarray[Any, Any]


def pack(data: bytes) -> str:
    """Base64 of what gzip makes of `data`; the same data give the same text."""
    return base64.b64encode(gzip.compress(data, 9, mtime=0)).decode()


def pack_json(value: object) -> str:
    """The same of JSON; NaN and infinity become null."""
    return pack(msgspec.json.encode(value))


def pack_frames(frames: Array) -> str:
    """Integers [frame, ...] that change little from frame to frame: differences, the low bytes of all before the high.

    The differences wrap around, as their sums do.
    """
    flat = frames.reshape(len(frames), -1)
    changes = np.diff(flat, axis=0, prepend=np.zeros_like(flat[:1]))
    little = changes.astype(changes.dtype.newbyteorder("<")).view(np.uint8)
    return pack(little.reshape(-1, frames.itemsize).T.tobytes())


class Blobs:
    """Packed arrays, which the page reads when it needs them."""

    def __init__(self) -> None:
        self.texts: list[str] = []

    def add(self, text: str) -> int:
        """Keep a packed array; returns its number."""
        self.texts.append(text)
        return len(self.texts) - 1
