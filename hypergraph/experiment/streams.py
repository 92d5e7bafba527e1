"""Standard error as a stream on which no work depends."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator
from typing import Any, TextIO, cast


class MessageStream:
    """A text stream that goes silent, instead of raising, when its pipe, terminal or disk takes no more."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def write(self, text: str) -> int:
        """Write `text`, or drop it."""
        with self._silenced():
            self._stream.write(text)
        return len(text)

    def flush(self) -> None:
        """Flush what was written, or drop it."""
        with self._silenced():
            self._stream.flush()

    @contextlib.contextmanager
    def _silenced(self) -> Iterator[None]:
        """On an error, let the descriptor lead nowhere, so that what is buffered raises none later."""
        try:
            yield
        except OSError:
            with open(os.devnull, "w") as nowhere:
                os.dup2(nowhere.fileno(), self._stream.fileno())


def messages() -> TextIO:
    """Standard error as a MessageStream."""
    if not sys.stderr:  # it is closed: no file that is opened later may get its descriptor
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, 2)
        sys.stderr = open(2, "w", closefd=False)  # noqa: SIM115
    return cast(TextIO, MessageStream(sys.stderr))
