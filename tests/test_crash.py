"""Kills: at any moment, inside any call, they leave whole files and a run that ends as if nothing had been."""

from __future__ import annotations

import os
import random
import signal
from itertools import count
from pathlib import Path

import pytest
from crash.hook import sitecustomize
from crash.trial import KINDS, Reference, damage, differences, killed, resumed
from hypothesis import given
from hypothesis import strategies as st

from hypergraph.storage.atomic import PARTIAL, remove_partial, write_bytes
from hypergraph.storage.locks import file_lock


@pytest.mark.parametrize("kind", KINDS)
def test_a_killed_run_ends_as_the_one_that_was_never_interrupted(kind: str, whole: Reference, tmp_path: Path) -> None:
    rng = random.Random(kind)
    folders = (tmp_path / str(number) for number in count())
    folder = next(folder for folder in folders if killed(folder, whole, kind, rng))
    assert damage(folder) == []
    resumed(folder)
    assert differences(whole.folder, folder) == []


CALLS = ("mkstemp", "write", "fsync", "chmod", "replace", "fsync")


@pytest.mark.slow
@given(at=st.integers(0, len(CALLS)), share=st.floats(0, 1), old=st.binary(max_size=50), new=st.binary(max_size=50))
def test_a_kill_at_any_byte_leaves_the_old_file_or_the_new_one(
    tmp_path_factory: pytest.TempPathFactory, at: int, share: float, old: bytes, new: bytes
) -> None:
    path = tmp_path_factory.mktemp("killed") / "file"
    write_bytes(path, old)
    child = os.fork()
    if not child:
        try:
            sitecustomize.AT, sitecustomize.SHARE = at, share
            sitecustomize.install()
            write_bytes(path, new)
        finally:
            os._exit(0)
    assert (os.waitpid(child, 0)[1] == 0) == (at == len(CALLS))
    assert path.read_bytes() == (new if at > 4 or (at == 4 and share >= 0.5) else old)
    assert all(other == path or other.name.endswith(PARTIAL) for other in path.parent.iterdir())
    remove_partial(path.parent)
    assert list(path.parent.iterdir()) == [path]


def test_a_lock_ends_with_its_holder(tmp_path: Path) -> None:
    child = os.fork()
    if not child:
        try:
            with file_lock(tmp_path / "lock"):
                sitecustomize.die()
        finally:
            os._exit(1)
    assert os.waitpid(child, 0)[1] == signal.SIGKILL
    with file_lock(tmp_path / "lock"):
        pass
