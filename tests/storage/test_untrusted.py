"""Text of strangers: what is no regular file, too large, too deep or no text is refused in one line and at once."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from work import Work

from hypergraph.errors import FileError, HypergraphError, UsageError, printable
from hypergraph.spec import MLPSpec
from hypergraph.storage import untrusted
from hypergraph.storage.tensors import read_tensors
from hypergraph.storage.untrusted import (
    MAX_DEPTH,
    MAX_JSON_BYTES,
    MAX_TOML_BYTES,
    check_links,
    is_within,
    parse_json,
    parse_toml,
    read_json,
    read_text,
)


def nested(depth: int) -> str:
    return "[" * depth + "]" * depth


@pytest.mark.parametrize("read", [read_text, read_json, read_tensors, lambda path: MLPSpec.parse(str(path))])
def test_what_is_no_regular_file_is_refused_and_not_waited_for(read: Callable[[Path], object], tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.json")
    (tmp_path / "link.json").symlink_to("/dev/zero")
    (tmp_path / "loop.json").symlink_to("loop.json")
    (tmp_path / "folder.json").mkdir()
    reasons = {"pipe": "no regular file", "link": "no regular file", "folder": "a folder", "loop": "symbolic links"}
    for name, reason in {**reasons, "missing": "no such file", "nul\0": "null (byte|character)"}.items():
        with pytest.raises(HypergraphError, match=rf"cannot read .*{reason}"):
            read(tmp_path / f"{name}.json")


def test_text_is_as_it_was_written_up_to_the_limit(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes("é\r\n".encode())
    assert read_text(tmp_path / "file", 4) == "é\r\n"
    with pytest.raises(FileError, match="more than 3 bytes"):
        read_text(tmp_path / "file", 3)
    (tmp_path / "file").write_bytes(b"\xff\xfe")
    with pytest.raises(FileError, match="no text in UTF-8"):
        read_text(tmp_path / "file")


@pytest.mark.parametrize(("name", "most"), [("spec.json", MAX_JSON_BYTES), ("spec.toml", MAX_TOML_BYTES)])
def test_a_file_that_is_too_large_is_not_read(name: str, most: int, tmp_path: Path) -> None:
    with (tmp_path / name).open("wb") as file:
        file.truncate(2**40)  # takes no room on the disk
    with pytest.raises(HypergraphError, match=f"more than {most:,} bytes"):
        MLPSpec.parse(str(tmp_path / name))


@pytest.mark.parametrize("parse", [parse_json, lambda text: parse_toml(f"a = {text}")], ids=["json", "toml"])
def test_nesting_is_bounded(parse: Callable[[str], object], monkeypatch: pytest.MonkeyPatch) -> None:
    parse(nested(MAX_DEPTH - 1))
    for depth in (MAX_DEPTH + 1, 300, 100_000):
        with pytest.raises(ValueError, match=r"within each other|recursion"):
            parse(nested(depth))


@pytest.mark.parametrize(
    "text",
    ["a." * 20_000 + "a = 1", "[" + "a . " * 20_000 + "a]", '"a #".' * 10_000 + "b = 1", "[[a]]\n" * 10_000 + "["],
)
def test_no_toml_takes_long(text: str) -> None:
    """Work grows with the size, as the square of it would not."""
    with pytest.raises(ValueError, match=r"more than 20 dots|at end of document"), Work(30 * len(text)):
        parse_toml(text)


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity"])
def test_numbers_that_json_lacks_are_refused(number: str) -> None:
    with pytest.raises(ValueError, match=f"{number} is no number"):
        parse_json(f"[{number}]")


def test_messages_are_one_printable_line_whatever_they_quote() -> None:
    message = str(UsageError("\x1b[2J red\nnext\u202e line " + "x" * 10**6))
    assert message.startswith("?[2J red next? line xxx")
    assert len(message) < 3_000
    assert message.isprintable()
    assert printable("é — ✓") == "é — ✓"


def test_this_module_needs_no_torch() -> None:
    assert not hasattr(untrusted, "torch")


def test_links_may_not_lead_out_of_a_folder(tmp_path: Path) -> None:
    run = tmp_path / "run"
    (run / "networks").mkdir(parents=True)
    (run / "training").symlink_to("networks")
    (run / "networks" / "missing").symlink_to("nothing")
    (run / "networks" / "up").symlink_to("../../run")
    check_links(run)
    for name in ("figures", "networks/a", "networks/.b"):
        for target in ("../..", str(tmp_path / "run2"), "../../../x", "/etc"):
            (run / name).symlink_to(target)
            with pytest.raises(FileError, match=rf"{name} is a link that leads out of "):
                check_links(run)
            (run / name).unlink()
    assert is_within(run / "training" / "x", str(run))
    assert not is_within(str(tmp_path / "run2"), str(run))
