"""What takes too long is stopped, and the timer of who uses hypergraph goes on."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from types import SimpleNamespace

import pytest

from hypergraph.extensions import time_limit as module
from hypergraph.extensions.time_limit import TimeLimitExceeded, time_limit

DAY = 86_400
"""Seconds: the timers of these tests never ring by themselves."""


@pytest.fixture
def rung() -> Iterator[list[int]]:
    """The alarms that this process, as one that uses hypergraph, has heard."""
    heard: list[int] = []
    before = signal.signal(signal.SIGALRM, lambda number, _: heard.append(number))
    yield heard
    signal.setitimer(signal.ITIMER_REAL, 0)
    signal.signal(signal.SIGALRM, before)


def test_a_block_that_ends_leaves_no_timer(rung: list[int]) -> None:
    with time_limit(DAY, TimeLimitExceeded()):
        left, interval = signal.getitimer(signal.ITIMER_REAL)
        assert 0 < left <= DAY
        assert interval == 1
    assert signal.getitimer(signal.ITIMER_REAL) == (0, 0)
    signal.raise_signal(signal.SIGALRM)
    assert rung == [signal.SIGALRM]


def test_the_alarm_ends_the_block(rung: list[int]) -> None:
    expired = TimeLimitExceeded()
    with pytest.raises(TimeLimitExceeded) as error, time_limit(DAY, expired):
        signal.raise_signal(signal.SIGALRM)
    assert error.value is expired
    assert signal.getitimer(signal.ITIMER_REAL) == (0, 0)
    assert rung == []


@pytest.mark.parametrize("took", [0, DAY // 2, 2 * DAY])
def test_a_timer_that_was_running_runs_on(took: int, rung: list[int], monkeypatch: pytest.MonkeyPatch) -> None:
    """At once where its time came meanwhile."""
    readings = iter([1000, 1000 + took])
    monkeypatch.setattr(module, "time", SimpleNamespace(monotonic=lambda: next(readings)))
    signal.setitimer(signal.ITIMER_REAL, DAY, 5)
    with time_limit(60, TimeLimitExceeded()):
        pass
    if took > DAY:
        while not rung:
            signal.pause()
    left, interval = signal.getitimer(signal.ITIMER_REAL)
    assert left <= max(DAY - took, 5)
    assert left > DAY - took - 3600
    assert interval == 5
