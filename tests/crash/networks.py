"""Trains on nodes with networks and folders of their own, cuts one of them off twice, and compares the end.

As root, on Linux: PYTHONPATH=tests python -m crash.networks [MEMBERS]
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import psutil
from clusters import QUIET, SETTINGS, STORE

from crash.trial import ends_as_here
from hypergraph.engines.process import WORKER
from hypergraph.runs.config import RunConfig
from hypergraph.runs.directory import RunDirectory
from hypergraph.runs.events import Event, Noticed, Trained
from hypergraph.spec import MLPSpec
from hypergraph.training.recipe import Recipe
from hypergraph_ray.engine import RayEngine, RayOptions

NODES, MEMBERS, MEMBERS_A_CHUNK, STEPS = 3, 32, 2, 600
SPEC = MLPSpec((4, 6, 1))
BRIDGE, NETWORK, PORT = "hypergraph", "10.213.0", 6379
ADDRESS = f"{NETWORK}.1:{PORT}"
SHORT_S = 3
"""Seconds of the short cut, which Ray bears."""
HEAD = f"""ray start --head --node-ip-address={NETWORK}.1 --port={PORT} --num-cpus=0 --object-store-memory={STORE} \
--include-dashboard=false --system-config='{json.dumps(SETTINGS)}' --block"""
NODE = f"""mount -t tmpfs none /tmp && mount -t tmpfs none /dev/shm && ip link set lo up
while true; do ray start --address={ADDRESS} --num-cpus=1 --object-store-memory={STORE} --block; sleep 1; done"""
"""A node that starts again when the cluster has given it up, and that sees no folder of this run."""


def call(*words: str) -> str:
    """What a command prints. Raises CalledProcessError."""
    return subprocess.run(words, check=True, capture_output=True, text=True).stdout


@contextmanager
def started(*words: str) -> Iterator[None]:
    """A command that is at work, with all that it starts."""
    quiet = {**os.environ, **QUIET, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    process = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=quiet)
    try:
        yield
    finally:
        with suppress(psutil.Error):
            for each in [psutil.Process(process.pid), *psutil.Process(process.pid).children(recursive=True)]:
                each.kill()
        process.wait()


@contextmanager
def bridge() -> Iterator[None]:
    """A network with this machine in it."""
    call("ip", "link", "add", BRIDGE, "type", "bridge")
    try:
        call("ip", "addr", "add", f"{NETWORK}.1/24", "dev", BRIDGE)
        call("ip", "link", "set", BRIDGE, "up")
        yield
    finally:
        call("ip", "link", "delete", BRIDGE)


@contextmanager
def node(number: int) -> Iterator[str]:
    """A node in that network; gives the name of its cable, which is also that of its own network."""
    name, end = f"hg{number}", f"hg{number}e"
    call("ip", "netns", "add", name)
    try:
        call("ip", "link", "add", name, "type", "veth", "peer", "name", end, "netns", name)
        call("ip", "link", "set", name, "master", BRIDGE, "up")
        call("ip", "-n", name, "addr", "add", f"{NETWORK}.{number}/24", "dev", end)
        call("ip", "-n", name, "link", "set", end, "up")
        with started("ip", "netns", "exec", name, "unshare", "--mount", "bash", "-c", NODE):
            yield name
    finally:
        call("ip", "netns", "delete", name)


def trains(name: str) -> bool:
    """Whether a worker is at work on a node."""
    for pid in map(int, call("ip", "netns", "pids", name).split()):
        with suppress(psutil.Error):
            if WORKER in psutil.Process(pid).cmdline():
                return True
    return False


class Cutter:
    """An observer that cuts a node off for a moment, then until the cluster gives it up, and plugs it in again.

    Attributes:
        notices: what was told of chunks.
        plan: what is still to be done.
    """

    def __init__(self, name: str) -> None:
        self._name, self._events = name, 0
        self.notices: list[str] = []
        self.plan = ["cut it for a moment", "cut it off", "plug it in again", "see it train again"]

    def __call__(self, event: Event) -> None:
        """Follow what is told."""
        if isinstance(event, Noticed):
            self.notices.append(event.text)
        self._events += isinstance(event, Trained)
        if self.plan and self._is_time():
            done = self.plan.pop(0)
            print(f"after {self._events} reports: {done}", flush=True)
            if done in ("cut it for a moment", "cut it off"):
                call("ip", "link", "set", self._name, "down")
            if done == "cut it for a moment":
                threading.Timer(SHORT_S, self._plug_in).start()
            if done == "plug it in again":
                self._plug_in()
            self._events = 0

    def _is_time(self) -> bool:
        match self.plan[0]:
            case "cut it for a moment":
                return trains(self._name)
            case "cut it off":
                return self._events > 20 and trains(self._name)
            case "plug it in again":
                return bool(self.notices)
            case _:
                return trains(self._name)

    def _plug_in(self) -> None:
        call("ip", "link", "set", self._name, "up")


def wait_for_nodes(count: int) -> None:
    """Wait until as many can train."""
    engine = RayEngine(RayOptions(ADDRESS))
    while True:
        with suppress(Exception):
            if engine.resources("cpu").machines == count:
                return
        time.sleep(1)


def main(members: int = MEMBERS) -> int:
    """Returns the exit status."""
    folder = Path(tempfile.mkdtemp(prefix="networks.", dir="/tmp"))  # where nodes see folders of their own
    recipe = Recipe(steps=STEPS, batch=16)
    config = RunConfig("l1norm", (SPEC,), members, 0, "cpu", recipe, chunk_count=members // MEMBERS_A_CHUNK)
    run = RunDirectory.create(folder / "there", config)
    with ExitStack() as stack:
        stack.enter_context(bridge())
        stack.enter_context(started("bash", "-c", HEAD))
        names = [stack.enter_context(node(number)) for number in range(2, NODES + 2)]
        wait_for_nodes(NODES)
        cutter, began = Cutter(names[0]), time.monotonic()
        stack.enter_context(run.lock())
        RayEngine(RayOptions(ADDRESS)).train(run, cutter)
        seconds = time.monotonic() - began
    print("\n".join(cutter.notices))
    print(f"{members} members in {config.chunk_count} chunks, {NODES} nodes, {seconds:.0f} s")
    print(f"not done: {', '.join(cutter.plan)}" if cutter.plan else "it was cut off, and trained again")
    return int(not ends_as_here(run) or bool(cutter.plan))


if __name__ == "__main__":
    sys.exit(main(*map(int, sys.argv[1:])))
