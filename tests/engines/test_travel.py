"""Jobs travel as text, with their files; so do results and reasons."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
import torch
from msgspec import Struct

from hypergraph.engines.travel import JobError, do_packed, name_of, pack, unpack
from hypergraph.errors import FileError
from hypergraph.runs.events import Observer
from hypergraph.runs.records import NetworkRecord


class Sum(Struct):
    """Which files to add up, and how."""

    files: tuple[Path, ...]
    factor: float
    other: Path | None = None


class Total(Struct):
    """A sum, and what else may come back."""

    total: float
    content: bytes
    records: list[NetworkRecord]
    threads: int


def add(job: Sum, observe: Observer) -> Total:
    contents = [file.read_bytes() for file in job.files]
    total = sum(map(float, contents)) * job.factor
    fields = {"decoder_loss": None, "algorithm": "a", "order_parameters": {"x": 0.1}, "file": "f"}
    record = NetworkRecord(member=3, beta=1e-12, loss=total, kl=0.1 + 0.2, **fields)  # type: ignore[arg-type]
    return Total(total, bytes(range(256)), [record], torch.get_num_threads())


def leave(job: Sum, observe: Observer) -> Total:
    sys.exit(f"cannot add {job.files[1]}")


def refuse(job: Sum, observe: Observer) -> Total:
    raise FileError(f"{job.files[0]} holds no number")


@pytest.fixture
def job(tmp_path: Path) -> Sum:
    files = tmp_path / "a.txt", tmp_path / "b"
    for number, file in enumerate(files):
        file.write_text(f"{number}.1")
    return Sum(files, 1 / 3)


def test_what_is_done_elsewhere_is_what_is_done_here(job: Sum, tmp_path: Path) -> None:
    packed, name = pack(job), name_of(add)
    expected = add(job, lambda event: None)
    for file in job.files:
        file.unlink()
    there = tmp_path / "there"
    there.mkdir()
    found = unpack(do_packed(name, packed, 3, there), add)
    assert (found.total, found.content, found.records) == (expected.total, expected.content, expected.records)
    assert found.threads == 3
    assert sorted(path.name for path in there.iterdir()) == ["0.txt", "1"]


def test_a_reason_names_the_file_that_was_sent(job: Sum, tmp_path: Path) -> None:
    there = tmp_path / "there"
    there.mkdir()
    with pytest.raises(JobError) as error:
        do_packed(name_of(refuse), pack(job), 1, there)
    assert str(error.value) == f"{job.files[0]} holds no number"
    with pytest.raises(JobError, match=f"SystemExit: cannot add {job.files[1]}$"):
        do_packed(name_of(leave), pack(job), 1, there)


def test_a_file_that_is_gone_is_told_before_a_job_travels(job: Sum) -> None:
    job.files[1].unlink()
    with pytest.raises(FileError, match=f"cannot read {job.files[1]}: No such file"):
        pack(job)
