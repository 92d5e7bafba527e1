"""Writes leave the old file or the new one, whole, and nothing else; what cannot be read or written is a FileError."""

from __future__ import annotations

import errno
import json
import os
import stat
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from safetensors.torch import load_file, save, save_file

from hypergraph.errors import FileError, UsageError
from hypergraph.model.generator import Generator
from hypergraph.rng import stream
from hypergraph.spec import MLPSpec
from hypergraph.storage.atomic import make_folder, remove_partial, write_bytes, write_json
from hypergraph.storage.tensors import MAX_TENSORS, read_tensors, write_tensors
from hypergraph.storage.untrusted import read_json

TENSORS = {"a": torch.arange(6.0).view(2, 3), "b": torch.tensor([1, 2])}
METADATA = {"format": "test"}


def assert_one_line(error: pytest.ExceptionInfo[FileError], *parts: str) -> None:
    message = str(error.value)
    assert len(message.splitlines()) == 1
    for part in parts:
        assert part in message
    assert error.value.exit_code == 1


# Writing


def test_bytes(tmp_path: Path) -> None:
    path = tmp_path / "new" / "folder" / "file"
    make_folder(path.parent)
    write_bytes(path, b"first")
    write_bytes(path, b"2nd")
    assert path.read_bytes() == b"2nd"
    assert [entry.name for entry in path.parent.iterdir()] == ["file"]


def test_a_folder_that_vanished_is_not_made_again(tmp_path: Path) -> None:
    with pytest.raises(FileError) as error:
        write_bytes(tmp_path / "gone" / "file", b"new")
    assert_one_line(error, f"cannot write {tmp_path / 'gone' / 'file'}: No such file or directory")
    assert not (tmp_path / "gone").exists()


def test_half_written_files_of_a_killed_process_are_removed(tmp_path: Path) -> None:
    for name in (".state.x1y2.partial", "state", ".hidden", "training.partial"):
        (tmp_path / name).write_bytes(b"")
    remove_partial(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == [".hidden", "state", "training.partial"]


@pytest.mark.parametrize(("umask", "mode"), [(0o022, 0o644), (0o077, 0o600), (0o002, 0o664)])
def test_file_has_the_mode_that_open_would_give(umask: int, mode: int, tmp_path: Path) -> None:
    before = os.umask(umask)
    try:
        write_bytes(tmp_path / "file", b"")
    finally:
        after = os.umask(before)
    assert after == umask
    assert stat.S_IMODE((tmp_path / "file").stat().st_mode) == mode


@pytest.mark.parametrize("mode", [0o600, 0o640, 0o755])
def test_a_file_that_is_replaced_keeps_its_mode(mode: int, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"old")
    (tmp_path / "file").chmod(mode)
    write_bytes(tmp_path / "file", b"new")
    assert stat.S_IMODE((tmp_path / "file").stat().st_mode) == mode


def test_a_file_that_is_replaced_keeps_its_owner(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the system allows that: only root may give files away."""
    (tmp_path / "file").write_bytes(b"old")
    owner = (tmp_path / "file").stat()
    kept: list[tuple[int, int]] = []

    def refuse_to_give(_: str, user: int, group: int) -> None:
        kept.append((user, group))
        raise PermissionError

    monkeypatch.setattr(os, "chown", refuse_to_give)
    write_bytes(tmp_path / "file", b"new")
    assert kept == [(owner.st_uid, owner.st_gid)]
    assert (tmp_path / "file").read_bytes() == b"new"


@pytest.mark.parametrize("before", [b"old", None], ids=["to a file", "to nothing yet"])
def test_a_link_stays_and_what_it_leads_to_is_written(before: bytes | None, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    if before:
        (tmp_path / "elsewhere" / "file").write_bytes(before)
    (tmp_path / "link").symlink_to(Path("elsewhere", "file"))
    (tmp_path / "link to it").symlink_to("link")
    write_bytes(tmp_path / "link to it", b"new")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "link to it").is_symlink()
    assert [(path.name, path.read_bytes()) for path in (tmp_path / "elsewhere").iterdir()] == [("file", b"new")]


def test_a_link_that_leads_nowhere_is_named(tmp_path: Path) -> None:
    (tmp_path / "loop").symlink_to("loop")
    with pytest.raises(FileError) as error:
        write_bytes(tmp_path / "loop", b"new")
    assert_one_line(error, f"cannot write {tmp_path / 'loop'}")
    assert (tmp_path / "loop").is_symlink()


def test_a_name_may_be_as_long_as_names_can_be(tmp_path: Path) -> None:
    write_bytes(tmp_path / ("n" * 255), b"new")
    assert [path.name for path in tmp_path.iterdir()] == ["n" * 255]


def test_a_pipe_and_a_device_are_written_straight(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    reader = os.open(tmp_path / "pipe", os.O_RDONLY | os.O_NONBLOCK)  # so that opening it to write waits for nothing
    write_bytes(tmp_path / "pipe", b"through")
    assert os.read(reader, 100) == b"through"
    os.close(reader)
    with pytest.raises(FileError, match=r"cannot write .*pipe: No such device or address"):
        write_bytes(tmp_path / "pipe", b"to nobody")
    (tmp_path / "device").symlink_to(os.devnull)
    write_bytes(tmp_path / "device", b"away")
    assert stat.S_ISCHR((tmp_path / "device").stat().st_mode)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["device", "pipe"]


def test_json(tmp_path: Path) -> None:
    value = {"β": [1, 2.5, None, True], "name": "é\n"}
    write_json(tmp_path / "file.json", value)
    assert read_json(tmp_path / "file.json") == value
    assert (tmp_path / "file.json").read_text().endswith("}\n")


def test_tensors(tmp_path: Path) -> None:
    odd = {**TENSORS, "transposed": TENSORS["a"].T, "grown": torch.ones(1, requires_grad=True).expand(3)}
    write_tensors(tmp_path / "file", odd, METADATA)
    tensors, metadata = read_tensors(tmp_path / "file")
    assert metadata == METADATA
    assert set(tensors) == set(odd)
    for name, tensor in odd.items():
        assert torch.equal(tensors[name], tensor.detach())
        assert tensors[name].dtype == tensor.dtype


def test_the_same_tensors_give_the_same_bytes(tmp_path: Path) -> None:
    """However often: the library's own order of metadata is another each time."""
    metadata = {f"key {n}": str(n) for n in range(8)}
    for name in "abcd":
        write_tensors(tmp_path / name, TENSORS, metadata)
    assert len({(tmp_path / name).read_bytes() for name in "abcd"}) == 1
    assert read_tensors(tmp_path / "a")[1] == metadata
    assert (int.from_bytes((tmp_path / "a").read_bytes()[:8], "little") + 8) % 8 == 0


def refuse(*_: object, **__: object) -> None:
    raise OSError(errno.ENOSPC, "No space left on device")


def interrupt(*_: object, **__: object) -> None:
    raise KeyboardInterrupt


@pytest.mark.parametrize("function", ["os.fsync", "os.replace", "os.chmod", "os.fdopen", "tempfile.mkstemp"])
@pytest.mark.parametrize(
    "write",
    [
        lambda path: write_bytes(path, b"new"),
        lambda path: write_json(path, {"new": 1}),
        lambda path: write_tensors(path, TENSORS, METADATA),
    ],
    ids=["bytes", "json", "tensors"],
)
def test_failed_write_leaves_the_old_file(
    function: str, write: Callable[[Path], None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"old")
    monkeypatch.setattr(function, refuse)
    with pytest.raises(FileError) as error:
        write(path)
    monkeypatch.undo()
    assert_one_line(error, str(path), "No space left on device")
    assert path.read_bytes() == b"old"
    assert [entry.name for entry in tmp_path.iterdir()] == ["file"]


@pytest.mark.parametrize("function", ["os.fsync", "os.replace"])
def test_interrupted_write_leaves_the_old_file(function: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_bytes(b"old")
    monkeypatch.setattr(function, interrupt)
    with pytest.raises(KeyboardInterrupt):
        write_bytes(tmp_path / "file", b"new")
    assert (tmp_path / "file").read_bytes() == b"old"
    assert [entry.name for entry in tmp_path.iterdir()] == ["file"]


def test_write_is_durable_before_it_is_visible(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The file is synced before the rename, and the folder after it."""
    synced: list[str] = []
    fsync, replace = os.fsync, os.replace

    def watch_fsync(handle: int) -> None:
        synced.append("folder" if stat.S_ISDIR(os.fstat(handle).st_mode) else f"file of {os.fstat(handle).st_size}")
        fsync(handle)

    def watch_replace(source: str, target: Path) -> None:
        assert Path(source).parent == target.parent
        synced.append("rename")
        replace(source, target)

    monkeypatch.setattr(os, "fsync", watch_fsync)
    monkeypatch.setattr(os, "replace", watch_replace)
    write_bytes(tmp_path / "file", b"12345")
    assert synced == ["file of 5", "rename", "folder"]


def test_cannot_write_where_a_folder_or_a_file_is_in_the_way(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").write_bytes(b"old")
    for path in (tmp_path / "folder", tmp_path / "file" / "inside"):
        with pytest.raises(FileError) as error:
            write_bytes(path, b"new")
        assert_one_line(error, str(path))
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["file", "folder"]
    assert (tmp_path / "file").read_bytes() == b"old"


# Reading


@pytest.mark.parametrize("content", [b"", b"{", b"nothing", b"[" * 100_000, b"[" * 30 + b"]" * 30, b"[NaN]"])
def test_bad_json(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "file.json").write_bytes(content)
    with pytest.raises(FileError) as error:
        read_json(tmp_path / "file.json")
    assert_one_line(error, str(tmp_path / "file.json"), "not JSON")


def whole() -> bytes:
    return save(TENSORS, METADATA)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\x01",
        b"\xff" * 64,
        b"\x80\x04K\x01.",  # a pickle
        b"\x02\0\0\0\0\0\0\0[]",
        whole()[:4],
        whole()[:40],
        whole()[:-1],
        whole() + b"more",
        whole().replace(b'"F32"', b'"F99"'),
        whole().replace(b"[2,3]", b"[2,4]"),
        whole().replace(b'"a"', b'"\xff"'),
    ],
    ids=range(12),
)
def test_no_safetensors(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(content)
    with pytest.raises(FileError) as error:
        read_tensors(tmp_path / "file")
    assert_one_line(error, str(tmp_path / "file"), "not a whole safetensors file")


@pytest.mark.parametrize("read", [read_json, read_tensors])
def test_nothing_to_read(read: Callable[[Path], object], tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "missing", tmp_path / "missing" / "file"):
        with pytest.raises(FileError) as error:
            read(path)
        assert_one_line(error, f"cannot read {path}")


@pytest.mark.parametrize(
    "read",
    [
        read_json,
        read_tensors,
    ],
)
def test_name_that_no_file_can_have(read: Callable[[Path], object], tmp_path: Path) -> None:
    with pytest.raises(FileError):
        read(tmp_path / ("a" * 5_000))


def test_files_without_metadata(tmp_path: Path) -> None:
    save_file(TENSORS, tmp_path / "file")
    assert read_tensors(tmp_path / "file")[1] == {}


# Generators


SPECS = [MLPSpec((2, 3, 1)), MLPSpec((2, 1), bias=False)]
GENERATOR = {
    "format": "hypergraph-generator",
    "format_version": "1",
    "specs": json.dumps([spec.to_json() for spec in SPECS]),
}


def untrained() -> Generator:
    return Generator.initial(SPECS, [stream(0), stream(1)])


def test_generator(tmp_path: Path) -> None:
    saved = untrained()
    saved.save(tmp_path / "file", {"task": "l1norm"})
    loaded, metadata = Generator.load(tmp_path / "file")
    assert metadata == {**GENERATOR, "encoder": "1", "task": "l1norm"}
    assert loaded.specs == saved.specs
    assert loaded.members == 2
    draws = saved.draw([stream(2), stream(3)])
    beta = torch.tensor([1e-8, 1e-2])
    for encoder in (True, False):
        (networks, kl), (expected, expected_kl) = (one(beta, draws, encoder=encoder) for one in (loaded, saved))
        assert torch.equal(kl, expected_kl)
        for network, other in zip(networks, expected, strict=True):
            assert network.spec == other.spec
            assert all(map(torch.equal, network.weights, other.weights))
            assert all(map(torch.equal, network.biases, other.biases))


def test_encoder_belongs_to_its_networks() -> None:
    generator = untrained()
    rngs, beta, others = [stream(2), stream(3)], torch.tensor([1e-8, 1e-2]), [MLPSpec((4, 2))]
    draws = generator.draw(rngs, others)
    (network,), kl = generator(beta, draws, others, encoder=False)
    assert network.weights[0].shape == (2, 2, 4)
    assert not kl.any()
    with pytest.raises(UsageError, match="the encoder memorised 2,3,1 and 2,1"):
        generator(beta, draws, others)


@pytest.mark.parametrize(
    "metadata",
    [
        None,
        {**GENERATOR, "format": "hypergraph-mlp"},
        {**GENERATOR, "format_version": "2"},
        {name: GENERATOR[name] for name in ("format", "format_version")},
        {**GENERATOR, "specs": "2,3,1"},
        {**GENERATOR, "specs": "5"},
        {**GENERATOR, "specs": "[5]"},
        {**GENERATOR, "specs": '["{}"]'},
        {**GENERATOR, "specs": json.dumps([SPECS[0].to_json()])},
        {**GENERATOR, "specs": json.dumps([MLPSpec((2, 4, 1)).to_json()])},
        {**GENERATOR, "specs": "[]"},
        {**GENERATOR, "specs": "[" * 100_000},
    ],
)
def test_bad_generator_metadata(metadata: dict[str, str] | None, tmp_path: Path) -> None:
    save_file(untrained().pareto.state_dict(), tmp_path / "file", metadata)
    with pytest.raises(FileError) as error:
        Generator.load(tmp_path / "file")
    assert_one_line(error, str(tmp_path / "file"))


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("weight1", None),
        ("other", torch.ones_like),
        ("weight1", lambda tensor: tensor[:0]),
        ("weight1", lambda tensor: tensor[:1]),
        ("weight1", torch.sum),
        ("bias2", lambda tensor: tensor.squeeze(1)),
        ("weight3", lambda tensor: tensor[..., 1:]),
        ("weight3", torch.Tensor.double),
        ("weight3", torch.Tensor.long),
        ("bias3", lambda tensor: tensor / 0),
    ],
)
def test_bad_generator(name: str, change: Callable[[torch.Tensor], torch.Tensor] | None, tmp_path: Path) -> None:
    untrained().save(tmp_path / "good")
    tensors = load_file(tmp_path / "good")
    changed = change(tensors.get(name, torch.ones(1))) if change else None
    tensors = {key: tensor for key, tensor in {**tensors, name: changed}.items() if tensor is not None}
    save_file({key: tensor.contiguous() for key, tensor in tensors.items()}, tmp_path / "file", GENERATOR)
    with pytest.raises(FileError) as error:
        Generator.load(tmp_path / "file")
    assert_one_line(error, str(tmp_path / "file"), name)


# What strangers may have written


def header(text: str, length: int | None = None) -> bytes:
    """The start of a safetensors file."""
    data = text.encode()
    return (len(data) if length is None else length).to_bytes(8, "little") + data


def test_a_header_that_is_too_large_is_not_read(tmp_path: Path) -> None:
    with (tmp_path / "file").open("wb") as file:
        file.write((2**25).to_bytes(8, "little"))
        file.truncate(2**26)
    with pytest.raises(FileError, match=r"its header has 33,554,432 bytes; at most 16,777,216"):
        read_tensors(tmp_path / "file")


def test_a_file_that_does_not_fit_in_memory_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_bytes(whole())
    monkeypatch.setattr("psutil.virtual_memory", lambda: SimpleNamespace(available=100))
    with pytest.raises(FileError, match=r"0\.0 GB are free"):
        read_tensors(tmp_path / "file")


def test_tensors_are_counted_before_they_are_read(tmp_path: Path) -> None:
    empty = '{"dtype":"F32","shape":[0],"data_offsets":[0,0]}'
    (tmp_path / "file").write_bytes(header("{" + ",".join(f'"{n}":{empty}' for n in range(MAX_TENSORS + 1)) + "}"))
    with pytest.raises(FileError, match="holds 20,001 tensors; at most 20,000"):
        read_tensors(tmp_path / "file")


@pytest.mark.parametrize("text", ['{"__metadata__":' + "[" * 10**6, '{"a":' * 10**6, "{" + '"a":{},' * 10**6 + "}"])
def test_nesting_of_a_header_is_bounded(text: str, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(header(text))
    with pytest.raises(FileError, match="not a whole safetensors file"):
        read_tensors(tmp_path / "file")


def test_whatever_torch_raises_is_a_refusal(tmp_path: Path) -> None:
    text = json.dumps({"a": {"dtype": "F32", "shape": [2**64 - 1, 0], "data_offsets": [0, 0]}})
    (tmp_path / "file").write_bytes(header(text))
    with pytest.raises(FileError, match="not a whole safetensors file"):
        read_tensors(tmp_path / "file")


def test_names_of_strangers_are_quoted_in_one_printable_line(tmp_path: Path) -> None:
    steering = "\x1b[2J\nred"
    save_file({steering: torch.zeros(1)}, tmp_path / "file", {**GENERATOR, "task": steering})
    with pytest.raises(FileError, match=r"holds \?\[2J red; a generator has weight1") as error:
        Generator.load(tmp_path / "file")
    assert str(error.value).isprintable()
    save_file(TENSORS, tmp_path / "file", {**GENERATOR, "format_version": steering})
    with pytest.raises(FileError, match=r"format version \?\[2J red;"):
        Generator.load(tmp_path / "file")


def test_a_generator_of_absurdly_many_networks_is_refused(tmp_path: Path) -> None:
    many = json.dumps([SPECS[0].to_json()] * 1001)
    save_file(untrained().pareto.state_dict(), tmp_path / "file", {**GENERATOR, "specs": many})
    with pytest.raises(FileError, match="1,001 networks or more; at most 1,000"):
        Generator.load(tmp_path / "file")


def test_generators_of_different_networks_are_not_joined() -> None:
    one = untrained().member(0)
    assert Generator.join([one, untrained().member(1)]).members == 2
    for other in (
        Generator.initial(SPECS[::-1], [stream(0)]),
        Generator.initial(SPECS, [stream(0)], encoder=False),
        Generator.initial([MLPSpec((2, 3, 1), "relu"), SPECS[1]], [stream(0)]),
    ):
        with pytest.raises(UsageError, match="cannot be joined"):
            Generator.join([one, other])
