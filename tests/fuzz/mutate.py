"""Small random changes: to bytes, to the values of a JSON text, and to the header of a safetensors file."""

from __future__ import annotations

import json
from collections.abc import Sequence
from random import Random
from typing import Any

VALUES: list[Any] = [
    *(None, True, False, 0, 1, -1, 2, 3, 7, 1000, 2**31, 2**53, 2**63, 2**64, 10**30, 10**400, -(10**30)),
    *(0.5, -0.0, 1e-12, 1e300, 1e308, float("nan"), float("inf"), -float("inf")),
    *("", "a", "0", "1e9", "cuda", "cuda:1", "cpu", "relu", "softmax", "nan", "\0", "\x1b[2J", "\n", "é", "\ud800"),
    *("../x", "/etc/passwd", "../../etc/passwd", "networks", "<script>&</script>", "$x^$", "a" * 5000, "9" * 5000),
    *("F64", "BF16", "I8", "F8_E4M3", "F4", "U64", "BOOL", "C64", "[]", "{}", "[" * 5000, "101", "x2", "1-9"),
    *(
        [],
        {},
        [0],
        [0, 0],
        [0, 2],
        [2**63],
        [2**64 - 1, 0],
        [2**62, 0],
        [-1],
        [1, 2**40],
        [[[]]],
        [[0, 2]],
        {"a": 1},
        {"sizes": [2, 1]},
    ),
]
TOKENS = [bytes([byte]) for byte in b"\0\n\"\\{}[],:-.#=x'"]
TOKENS += [b"1e999", b"NaN", b"null", b"[[", b"]]", b"0" * 20, b"\xff\xfe", b"\xed\xa0\x80", b"a." * 30]


def mutate(random: Random, data: bytes, others: Sequence[bytes] = ()) -> bytes:
    """Change `data` in one to four places; now and then, a part becomes that of another input."""
    for _ in range(random.choice((1, 1, 1, 2, 4))):
        kind = random.random()
        if kind < 0.6 and (structured := _structured(random, data)) is not None:
            data = structured
        elif kind < 0.7 and others:
            other = random.choice(others)
            data = data[: random.randint(0, len(data))] + other[random.randint(0, len(other)) :]
        else:
            data = _bytewise(random, data)
    return data


def _bytewise(random: Random, data: bytes) -> bytes:
    """Flip, drop, repeat or insert, half of the time near the start, where headers are."""
    last = len(data) if random.random() < 0.5 else min(len(data), 600)
    start = random.randint(0, last)
    stop = min(len(data), start + random.choice((1, 1, 2, 4, 8, 100, 10_000)))
    kind = random.randrange(7)
    if kind in (0, 5, 6) and start < len(data):
        return data[:start] + bytes([data[start] ^ (1 << random.randrange(8))]) + data[start + 1 :]
    if kind == 1:
        return data[:start] + data[stop:]
    if kind == 2:
        return data[:stop] + data[start:stop] * random.choice((1, 1, 2, 50)) + data[stop:]
    if kind == 3:
        return data[:start]
    return data[:start] + random.choice(TOKENS) + data[start:]


def _structured(random: Random, data: bytes) -> bytes | None:
    """Change a value of the JSON text that `data` is or begins with; None where there is none."""
    end = 8 + int.from_bytes(data[:8], "little")
    start, stop = (8, end) if len(data) > 8 and end <= len(data) else (0, len(data))
    try:
        value = json.loads(data[start:stop])
        text = json.dumps(_changed(random, value)).encode()
    except (ValueError, RecursionError):
        return None
    return (len(text).to_bytes(8, "little") + text + data[stop:]) if start else text


def _changed(random: Random, value: Any) -> Any:
    """`value`, with one value at some depth replaced, dropped, repeated or renamed."""
    if isinstance(value, str) and value[:1] in ("{", "[") and random.random() < 0.9:  # a text that is JSON itself
        inner = _structured(random, value.encode("utf-8", "surrogatepass"))
        if inner is not None:
            return inner.decode()
    if not isinstance(value, (dict, list)) or not value or random.random() < 0.05:
        return _replaced(random, value)
    items: list[tuple[Any, Any]] = list(value.items()) if isinstance(value, dict) else list(enumerate(value))
    place = random.randrange(len(items))
    name, item = items[place]
    kind = random.random()
    if kind < 0.8:
        items[place] = name, _changed(random, item)
    elif kind < 0.87:
        del items[place]
    elif kind < 0.94:
        items[place] = random.choice(("", "a", "weight1", "0.weight", "\x1b", "sizes", "loss", "..", "9" * 300)), item
    else:
        items.insert(place, (f"{name}'", random.choice(items)[1]))
    return dict(items) if isinstance(value, dict) else [item for _, item in items]


def _replaced(random: Random, value: Any) -> Any:
    if type(value) in (int, float) and abs(value) < 1e100 and random.random() < 0.7:
        return random.choice((value + 1, value - 1, -value, value * 2, value * 1e9, str(value)))
    if isinstance(value, str) and random.random() < 0.4:
        return _bytewise(random, value.encode("utf-8", "replace")).decode("utf-8", "replace")
    return random.choice(VALUES)
