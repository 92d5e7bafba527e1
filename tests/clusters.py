"""A Ray cluster on this machine: a head, and nodes with addresses of their own, which can be killed and replaced."""

from __future__ import annotations

import contextlib
import itertools
import os
from collections.abc import Iterator
from typing import Any
from unittest import mock

from processes import NET_S
from ray.cluster_utils import Cluster

STORE = 80_000_000
"""Bytes of a node's object store, nearly the least that Ray takes."""
SETTINGS = {
    "health_check_initial_delay_ms": 0,
    "health_check_period_ms": 500,
    "health_check_failure_threshold": 20,
    "worker_niceness": 0,
}
"""Lets the head notice a dead node in ten seconds rather than in twenty; a busy machine needs as long to answer.

And lets other work on this machine not take nearly all from what is trained, whose niceness Ray makes 15.
"""
QUIET = {"RAY_USAGE_STATS_ENABLED": "0"}


TRIES = 3
"""How often a node is started: Ray gives its own processes 15 seconds, too few where the machine is busy just then."""


class LocalCluster:
    """A head without CPUs at 127.0.0.2, and nodes at 127.0.0.3 and on, which see only this machine.

    Attributes:
        address: of the head.
        nodes: those that were not killed.
    """

    def __init__(self, nodes: int, cpus: int) -> None:
        self._hosts = (f"127.0.0.{number}" for number in itertools.count(2))
        self._cluster = Cluster()
        self._start(num_cpus=0, include_dashboard=False, _system_config=SETTINGS)
        self.address = str(self._cluster.address)
        self._cpus = cpus
        self.nodes: list[Any] = []
        for _ in range(nodes):
            self.add()

    def _start(self, **resources: Any) -> Any:
        for _ in range(TRIES - 1):
            with contextlib.suppress(Exception):  # Ray raises no other
                return self._start_once(**resources)
        return self._start_once(**resources)

    def _start_once(self, **resources: Any) -> Any:
        with mock.patch.dict(os.environ, QUIET):
            host = next(self._hosts)
            node = self._cluster.add_node(wait=False, node_ip_address=host, object_store_memory=STORE, **resources)
        self._cluster._wait_for_node(node, NET_S)
        return node

    def add(self) -> None:
        """Add a node."""
        self.nodes.append(self._start(num_cpus=self._cpus))

    def kill(self, node: Any) -> None:
        """Kill all processes of a node at once."""
        self.nodes.remove(node)
        self._cluster.remove_node(node, allow_graceful=False)

    def kill_head(self, whole: bool) -> None:
        """Kill all processes of the head, or only the service that all nodes ask."""
        head: Any = self._cluster.head_node
        if whole:
            head.kill_all_processes(check_alive=False, allow_graceful=False, wait=True)
        else:
            head.kill_gcs_server(check_alive=False)

    def shutdown(self) -> None:
        """End everything."""
        self._cluster.shutdown()


@contextlib.contextmanager
def cluster(nodes: int, cpus: int = 1) -> Iterator[LocalCluster]:
    """A cluster that is ended at the end."""
    made = LocalCluster(nodes, cpus)
    try:
        yield made
    finally:
        made.shutdown()
