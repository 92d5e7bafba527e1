"""What a report holds, read back from its HTML."""

from __future__ import annotations

import base64
import gzip
import json
import re
from typing import Any


def unpacked(text: str) -> bytes:
    return gzip.decompress(base64.b64decode(text))


def contents(html: str) -> tuple[list[dict[str, Any]], list[bytes]]:
    """The runs and the packed arrays of a page."""
    texts = dict(re.findall(r'<script type="text/plain" id="([\w-]+)">([\w+/=]*)</script>', html))
    blobs = [unpacked(texts[f"blob-{number}"]) for number in range(len(texts) - 1)]
    return json.loads(unpacked(texts["data"])), blobs
