"""A Ray cluster on this machine: a head, and nodes with addresses of their own, which can be killed and replaced."""

from __future__ import annotations

import contextlib
import itertools
import os
from collections.abc import Iterator, Mapping
from typing import Any
from unittest import mock

from ray.cluster_utils import Cluster

STORE = 80_000_000
"""Bytes of a node's object store, nearly the least that Ray takes."""
QUICK = {"health_check_initial_delay_ms": 0, "health_check_period_ms": 500, "health_check_failure_threshold": 4}
"""Lets the head notice a dead node in two seconds rather than in twenty."""
QUIET = {"RAY_USAGE_STATS_ENABLED": "0", "OMP_NUM_THREADS": "1"}


class LocalCluster:
    """A head without CPUs at 127.0.0.2, and nodes at 127.0.0.3 and on, which see only this machine.

    Attributes:
        address: of the head.
        nodes: those that were not killed.
    """

    def __init__(self, nodes: int, cpus: int, environment: Mapping[str, str]) -> None:
        self._cpus, self._environment = cpus, {**os.environ, **QUIET, **environment}
        self._hosts = (f"127.0.0.{number}" for number in itertools.count(2))
        self._cluster = Cluster(
            initialize_head=True,
            head_node_args={"num_cpus": 0, "include_dashboard": False, "_system_config": QUICK, **self._usual()},
        )
        self.address = str(self._cluster.address)
        self.nodes: list[Any] = []
        for _ in range(nodes):
            self.add()

    def _usual(self) -> dict[str, Any]:
        """What all nodes have."""
        return {"node_ip_address": next(self._hosts), "object_store_memory": STORE, "env_vars": self._environment}

    def add(self, **resources: Any) -> Any:
        """Add a node."""
        self.nodes.append(self._cluster.add_node(**{"num_cpus": self._cpus, **resources}, **self._usual()))
        return self.nodes[-1]

    def kill(self, node: Any) -> None:
        """Kill all processes of a node at once."""
        self.nodes.remove(node)
        self._cluster.remove_node(node, allow_graceful=False)

    def shutdown(self) -> None:
        """End everything."""
        self._cluster.shutdown()


@contextlib.contextmanager
def cluster(nodes: int, cpus: int = 1, environment: Mapping[str, str] = {}) -> Iterator[LocalCluster]:
    """A cluster that is ended at the end."""
    with mock.patch.dict(os.environ, QUIET):
        made = LocalCluster(nodes, cpus, environment)
    try:
        yield made
    finally:
        made.shutdown()
