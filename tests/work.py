"""The work that code takes: executed lines of Python, the libraries' too. A slow machine executes as many."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

import hypergraph

PRODUCT = f"{Path(hypergraph.__file__).parent}/"
"""Where the product was imported from, which need not be where the tests are."""
Edge = tuple[CodeType, int, int]
"""Two lines of a function, the second executed after the first."""


class TooMuchWorkError(BaseException):
    """Code took too many lines; nothing that catches errors may catch this."""


class Work:
    """Counts the lines that are executed in a block, and stops it beyond the most that it may take.

    Attributes:
        lines: executed so far.
        edges: of the product's code that were executed.
    """

    def __init__(self, most: int, edges: set[Edge] | None = None) -> None:
        self.lines = 0
        self.edges: set[Edge] = set() if edges is None else edges
        self._most = most

    def __enter__(self) -> Work:
        self._before = sys.gettrace()
        sys.settrace(self._call)
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        sys.settrace(self._before)
        assert self.lines or kind, "no line was traced: the work was not counted"

    def _call(self, frame: FrameType, event: str, argument: object) -> Any:
        return self._noting(frame.f_code) if frame.f_code.co_filename.startswith(PRODUCT) else self._line

    def _line(self, frame: FrameType, event: str, argument: object) -> Any:
        self.lines += 1
        if self.lines > self._most:
            raise TooMuchWorkError(f"more than {self._most:,} lines")
        return self._line

    def _noting(self, code: CodeType) -> Callable[[FrameType, str, object], Any]:
        last = 0

        def step(frame: FrameType, event: str, argument: object) -> Any:
            nonlocal last
            self.edges.add((code, last, frame.f_lineno))
            last = frame.f_lineno
            self._line(frame, event, argument)
            return step

        return step
