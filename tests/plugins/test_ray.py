"""The engine on a Ray cluster: what every engine promises, and what only this one can meet."""

from __future__ import annotations

import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
import torch
from msgspec.structs import replace

pytest.importorskip("ray", reason="Ray is not installed")

from clusters import LocalCluster, cluster
from crash.trial import differences
from processes import Command

from hypergraph.analysis.finished import FinishedRun
from hypergraph.engines import travel
from hypergraph.engines.base import Resources, TrainingError
from hypergraph.engines.local import LocalEngine
from hypergraph.errors import HypergraphError, UsageError
from hypergraph.experiment.run import sweep, train
from hypergraph.runs.config import MOST_AS_FILES, RunConfig
from hypergraph.runs.directory import RunDirectory
from hypergraph.runs.events import Event, Noticed, Observer, Progressed, Stopping, Trained, Watched, ignore
from hypergraph.runs.jobs import Map, map_here
from hypergraph.runs.provenance import current_versions
from hypergraph.runs.result import write_result
from hypergraph.spec import MLPSpec
from hypergraph.storage.locks import file_lock
from hypergraph.storage.tensors import read_tensors
from hypergraph.testing import check_engine
from hypergraph.testing.engine import STEPS, UNANSWERED, Answer, Question, answer, small_config, trained_here
from hypergraph.training.recipe import Recipe
from hypergraph_ray import engine, trainer
from hypergraph_ray.cluster import demand
from hypergraph_ray.engine import ClusterError, RayEngine, RayOptions, resources_of
from hypergraph_ray.files import Changes, start_files, write_files
from hypergraph_ray.messages import Cluster, Node

CONFIG = RunConfig("l1norm", (MLPSpec((4, 6, 1)),), 8, 0, "cpu", Recipe(steps=40), chunk_count=8, threads=4)


@pytest.fixture(scope="module")
def pair() -> Iterator[LocalCluster]:
    """Two nodes of one CPU each."""
    if sys.platform != "linux":
        pytest.skip("other systems have no address for each node, and Ray joins none there")
    with cluster(2) as made:
        yield made


@pytest.fixture
def run(tmp_path: Path) -> RunDirectory:
    """Two chunks."""
    return RunDirectory.create(tmp_path / "run", small_config("l1norm"))


def trained(pair: LocalCluster, run: RunDirectory, observe: Observer) -> None:
    with run.lock():
        RayEngine(RayOptions(pair.address)).train(run, observe)


def steps_of(events: list[Event], first: int) -> list[int]:
    """Those that are told of the chunk whose first member this is."""
    own = [event for event in events if isinstance(event, (Trained, Watched)) and event.members[0] == first]
    return [event.step if isinstance(event, Trained) else event.metrics.step for event in own]


def notices(events: list[Event]) -> list[str]:
    return [event.text for event in events if isinstance(event, Noticed)]


def kill(module: str, end: str = "") -> None:
    """Kill the process below this one that runs a module with arguments that end so."""
    below = {process: " ".join(process.cmdline()) for process in psutil.Process().children(recursive=True)}
    next(process for process, words in below.items() if module in words and words.endswith(end)).kill()


def check_the_end(run: RunDirectory, folder: Path) -> None:
    """That a run ended as one that is trained here."""
    expected = RunDirectory.create(folder / "here", run.config)
    tensors = trained_here(expected)
    for chunk, other, right in zip(run.chunks, expected.chunks, tensors, strict=True):
        found, _ = read_tensors(chunk.trained)
        assert all(torch.equal(found[name], tensor) for name, tensor in right.items())
        assert chunk.metrics.read_text().count("\n") == other.metrics.read_text().count("\n") == STEPS
        assert sorted(path.name for path in chunk.checkpoints.iterdir()) == sorted(
            path.name for path in other.checkpoints.iterdir()
        )


@pytest.mark.slow
def test_the_engine_keeps_its_promises(pair: LocalCluster, tmp_path: Path) -> None:
    check_engine(RayEngine(RayOptions(pair.address)), tmp_path, "l1norm")


@pytest.mark.slow
def test_a_chunk_goes_on_elsewhere_when_its_worker_or_its_node_dies(
    pair: LocalCluster, run: RunDirectory, tmp_path: Path
) -> None:
    """From the last state that came, and to the same end."""
    events: list[Event] = []
    deaths: list[Callable[[], None]] = [
        lambda: pair.kill(next(node for node in pair.nodes if node.node_ip_address not in notices(events)[0])),
        lambda: kill("hypergraph.engines.worker", "0 0"),
    ]

    def observe(event: Event) -> None:
        events.append(event)
        if deaths and len(deaths) + len(notices(events)) == 2 and steps_of([event], 0) >= [10 * (3 - len(deaths))]:
            deaths.pop()()

    trained(pair, run, observe)
    pair.add()
    failed, gone = notices(events)
    assert "and will be tried again: killed by SIGKILL" in failed
    assert "is gone: members 0-0 will go on elsewhere" in gone
    deaths_at = [number for number, event in enumerate(events) if isinstance(event, Noticed)]
    assert min(steps_of(events[deaths_at[0] :], 0)) > 8
    assert min(steps_of(events[deaths_at[1] :], 0)) > 18
    check_the_end(run, tmp_path)


@pytest.mark.slow
def test_a_run_goes_on_after_its_driver_died(pair: LocalCluster, run: RunDirectory, tmp_path: Path) -> None:
    events: list[Event] = []
    killed = False

    def observe(event: Event) -> None:
        nonlocal killed
        events.append(event)
        if not killed and min(max(steps_of(events, chunk.members[0]), default=0) for chunk in run.chunks) >= 5:
            kill("hypergraph_ray.driver")
            killed = True

    with pytest.raises(ClusterError, match="the link to the cluster ended: killed by SIGKILL"):
        trained(pair, run, observe)
    saved = [int(read_tensors(chunk.state)[1]["step"]) for chunk in run.chunks]
    assert max(saved) > 0
    again: list[Event] = []
    trained(pair, run, again.append)
    for chunk, step in zip(run.chunks, saved, strict=True):
        assert min(steps_of(again, chunk.members[0]), default=STEPS + 1) == step + 1
    check_the_end(run, tmp_path)


@pytest.mark.slow
def test_a_chunk_that_keeps_failing_is_told_with_its_node_and_costs_no_other(
    pair: LocalCluster, run: RunDirectory
) -> None:
    broken, sound = run.chunks
    with run.lock():
        broken.state.write_bytes(b"")
    events: list[Event] = []
    with pytest.raises(TrainingError) as error:
        trained(pair, run, events.append)
    assert str(error.value).startswith("training of members 0-0 failed: 3 times, at last on ")
    assert "state.safetensors is not a whole safetensors file" in str(error.value)
    assert [text.partition(" (")[0].rpartition(" ")[0] for text in notices(events)] == ["members 0-0 failed on"] * 2
    assert sound.trained.exists()
    assert broken.state.read_bytes() == b""
    assert Stopping() not in events


@pytest.mark.slow
def test_nodes_with_other_versions_are_refused(
    pair: LocalCluster, run: RunDirectory, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = current_versions("l1norm", "cpu") | {"torch": "9.9"}
    monkeypatch.setattr(engine, "current_versions", lambda task, device: other)
    with pytest.raises(ClusterError, match=r"no node can work on this run: .* has torch .* \(here 9\.9\)"):
        trained(pair, run, lambda event: None)
    with pytest.raises(ClusterError, match=r"no node can work on this run: .* has torch .* \(here 9\.9\)"):
        list(RayEngine(RayOptions(pair.address)).map(run, answer, {"a": Question(0, run.path / "config.json")}, ignore))
    assert not any(chunk.state.exists() for chunk in run.chunks)


def analysed(run: RunDirectory, each: Map, observe: Observer = ignore) -> Path:
    """The run with all of its analysis that jobs do."""
    with run.lock():
        write_result(run, sweep(run, each, observe))
        finished = FinishedRun(run, observe, each=each)
        assert finished.phases
        assert finished.programs
    return run.path


@pytest.fixture(scope="module")
def untouched(tmp_path_factory: pytest.TempPathFactory) -> RunDirectory:
    """A trained run."""
    run = RunDirectory.create(tmp_path_factory.mktemp("untouched") / "run", small_config("l1norm"))
    trained_here(run)
    with run.lock():
        train(run, LocalEngine())  # which only joins the chunks
    return run


def copy(run: RunDirectory, path: Path) -> RunDirectory:
    shutil.copytree(run.path, path)
    return RunDirectory.open(path)


def busy_node(pair: LocalCluster) -> Any:
    """A node with a worker."""
    below = psutil.Process().children(recursive=True)
    worker = next(process for process in below if process.name().startswith("ray::Worker"))
    raylet = " ".join(next(parent for parent in worker.parents() if parent.name() == "raylet").cmdline())
    return next(node for node in pair.nodes if f"--node_ip_address={node.node_ip_address} " in raylet)


@pytest.mark.slow
def test_an_analysis_on_the_nodes_has_the_same_bits_though_one_dies(
    pair: LocalCluster, untouched: RunDirectory, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = analysed(copy(untouched, tmp_path / "here"), map_here)
    events, deaths = list[Event](), [pair.kill]

    def pack(job: Any) -> bytes:
        """The node is killed between that it has room for a job and that it has the job."""
        if deaths:
            deaths.pop()(busy_node(pair))
        return travel.pack(job)

    monkeypatch.setattr(engine, "pack", pack)
    there = copy(untouched, tmp_path / "there")
    analysed(there, RayEngine(RayOptions(pair.address)).map, events.append)
    pair.add()
    (gone,) = notices(events)
    assert "is gone: members " in gone
    assert differences(here, there.path) == []
    stages = {
        event.stage: event.total for event in events if isinstance(event, Progressed) and event.done == event.total
    }
    assert stages == {
        "sweeping members": 2,
        "classifying checkpoints": len(there.checkpoints()),
        "finding families": 3,
        "explaining exemplars": len(list((there.path / "analysis" / "programs").iterdir())),
    }


@pytest.mark.slow
def test_a_run_of_many_members_leaves_the_files_of_one_here(pair: LocalCluster, tmp_path: Path) -> None:
    """Of one member more than those of whom all networks are kept as files."""
    recipe = Recipe(steps=1, batch=8)
    config = RunConfig("l1norm", (MLPSpec((1, 1)),), MOST_AS_FILES + 1, 0, "cpu", recipe, chunk_count=5)
    here, there = (RunDirectory.create(tmp_path / name, config) for name in ("here", "there"))
    far = RayEngine(RayOptions(pair.address))
    trained_here(here)
    with there.lock():
        train(there, far)
        networks = sweep(there, far.map).networks
    with here.lock():
        assert sweep(here).networks == networks
    assert differences(here.path, there.path) == []
    assert there.table.is_file()


@pytest.mark.slow
def test_a_job_that_keeps_failing_is_told_with_its_node_and_costs_no_other(
    pair: LocalCluster, run: RunDirectory
) -> None:
    questions = {name: Question(0, run.path / name) for name in ("empty", "sound")}
    for name, question in questions.items():
        question.file.write_text("" if name == "empty" else name)
    events, found = list[Event](), dict[str, Answer]()
    with run.lock(), pytest.raises(ClusterError) as error:
        found.update(RayEngine(RayOptions(pair.address)).map(run, answer, questions, events.append))
    assert str(error.value).startswith("empty failed 3 times, at last on ")
    assert str(error.value).endswith(f": {UNANSWERED}")
    assert found == {"sound": answer(questions["sound"])}
    assert [text.partition(" (")[0].rpartition(" ")[0] for text in notices(events)] == ["empty failed on"] * 2


@pytest.mark.parametrize(
    ("address", "message"),
    [
        ("127.0.0.1:1", "no cluster answers at 127.0.0.1:1: .*refused"),
        ("nowhere", "address is 'nowhere': expected HOST:PORT"),
        ("ray://127.0.0.1:10001", "expected HOST:PORT of the cluster's head"),
    ],
)
def test_an_address_that_cannot_be_reached_is_an_error(address: str, message: str) -> None:
    with pytest.raises(HypergraphError, match=message):
        RayEngine(RayOptions(address)).resources("cpu")


def test_without_its_cluster_nothing_is_trained(command: Command, tmp_path: Path) -> None:
    words = ["--engine", "ray", "--address", "127.0.0.1:1", "--out", tmp_path / "run"]
    status, stdout, stderr = command("run", "l1norm", *words)
    assert (status, stdout) == (1, ""), stderr
    assert "no cluster answers at 127.0.0.1:1" in stderr
    assert not (tmp_path / "run").exists()


def test_a_cluster_chooses_among_its_gpus() -> None:
    with pytest.raises(UsageError, match="use cuda"):
        RayEngine(RayOptions("127.0.0.1:1")).resources("cuda:1")


def node(cpus: float = 0, gpus: float = 0, memory: int = 100) -> Node:
    return Node("1", "one", cpus, gpus, memory)


def test_a_run_is_planned_for_all_nodes() -> None:
    """As if each were the smallest of those that can train."""
    found = Cluster((node(), node(8, memory=50), node(4, 2), node(16, 4)), gpu_memory=70)
    assert resources_of(found, "cpu") == Resources(workers=28, cores=4, memory=50, machines=3)
    assert resources_of(found, "cuda") == Resources(workers=6, cores=2, memory=70, machines=6)
    for device, kind in (("cpu", "CPU"), ("cuda", "GPU")):
        with pytest.raises(UsageError, match=f"no node of the cluster has a {kind}"):
            resources_of(Cluster((node(),)), device)


def test_a_chunk_asks_for_its_threads_and_its_memory() -> None:
    """Or for all that the largest node has."""
    assert demand(CONFIG, 60, Cluster((node(), node(8)))) == {"num_cpus": 4, "memory": 60}
    assert demand(CONFIG, 600, Cluster((node(1), node(2)))) == {"num_cpus": 2, "memory": 100}
    assert demand(CONFIG, 60, Cluster((node(),))) == {"num_cpus": 4, "memory": 60}


def test_chunks_share_gpus_where_there_are_fewer() -> None:
    """As far as their memory has room."""
    config = replace(CONFIG, device="cuda")
    for gpus, memory, share in ((8, 10, 1), (4, 10, 1 / 2), (2, 10, 1 / 4), (2, 40, 1 / 2), (1, 200, 1)):
        wanted = demand(config, memory, Cluster((node(16, gpus),), gpu_memory=100))
        assert wanted == {"num_cpus": 4, "num_gpus": share}


def test_files_that_changed_travel_once(tmp_path: Path) -> None:
    """A state is read before, and written after, what belongs to it."""
    here, there = (RunDirectory.create(tmp_path / name, replace(CONFIG, chunk_count=1)) for name in ("here", "there"))
    for run in (here, there):
        with run.lock():
            pass
    chunk, (copy,) = there.chunks[0], here.chunks
    chunk.metrics.write_text("old\n")
    changes = Changes(chunk)
    assert changes.take() == {}
    for path, text in ((chunk.metrics, "new\n"), (chunk.state, "state"), (chunk.checkpoint(3), "generator")):
        path.write_text(text)
    files = changes.take()
    assert list(files) == ["state.safetensors", "metrics.jsonl", "checkpoints/0000003.safetensors"]
    assert changes.take() == {}
    write_files(copy, files)
    assert start_files(copy) == {"state.safetensors": b"state", "metrics.jsonl": b"new\n"}
    assert copy.checkpoint(3).read_text() == "generator"
    copy.metrics.parent.rename(tmp_path / "elsewhere")
    with pytest.raises(HypergraphError, match=r"cannot write .*/here/training/0-7/"):
        write_files(copy, files)


def test_folders_of_dead_trainers_are_removed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    dead, alive = tmp_path / f"{trainer.SCRATCH}dead", tmp_path / f"{trainer.SCRATCH}alive"
    for folder in (dead, alive):
        folder.mkdir()
    with file_lock(alive / "lock"):
        mine = trainer.scratch_folder()
        assert {*tmp_path.iterdir()} == {alive, mine}
