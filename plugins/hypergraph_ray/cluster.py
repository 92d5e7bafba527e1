"""Join a Ray cluster, and see what its nodes have."""

from __future__ import annotations

import contextlib
import math
import os
from collections.abc import Iterator, Mapping
from typing import Any

import ray

from hypergraph.errors import HypergraphError
from hypergraph.extensions.registry import ALLOWED, reason
from hypergraph.runs.config import RunConfig
from hypergraph_ray.address import check_answers
from hypergraph_ray.messages import Cluster, Node


@contextlib.contextmanager
def joined(address: str) -> Iterator[str]:
    """Join a cluster; gives the address of its head. Raises HypergraphError where none answers: none is started here.

    Args:
        address: HOST:PORT of the head. If empty, Ray takes RAY_ADDRESS, or the cluster that runs on this machine.
    """
    if address:
        check_answers(address)
    try:
        ray.init(address or "auto", log_to_driver=False)
    except Exception as error:  # Ray raises errors of many types
        where = (
            f"the cluster at {address}"
            if address
            else "a cluster: none runs on this machine, and no address says where"
        )
        raise HypergraphError(f"cannot join {where}: {reason(error)}") from None
    try:
        yield ray.get_runtime_context().gcs_address
    finally:
        ray.shutdown()


def look(device: str, head: str) -> Cluster:
    """What the living nodes have, for a training on `device`; on GPUs, this waits until one is free."""
    nodes = living_nodes()
    memory = ray.get(_gpu_memory.remote()) if device != "cpu" and any(node.gpus >= 1 for node in nodes) else 0
    return Cluster(nodes, memory, head)


def living_nodes() -> tuple[Node, ...]:
    """What they have."""
    return tuple(_node(node, node["Resources"]) for node in ray.nodes() if node["Alive"])


def _node(node: Mapping[str, Any], has: Mapping[str, float]) -> Node:
    name = f"{node['NodeManagerHostname']} ({node['NodeManagerAddress']})"
    return Node(node["NodeID"], name, has.get("CPU", 0), has.get("GPU", 0), int(has.get("memory", 0)))


@ray.remote(num_gpus=1)
def _gpu_memory() -> int:
    """The free bytes of the GPU that Ray gives."""
    import torch

    return int(torch.cuda.mem_get_info()[0])


def demand(config: RunConfig, memory: int, cluster: Cluster) -> dict[str, float]:
    """What the actor of a chunk asks Ray for; `memory` are the bytes of the largest chunk on its device.

    It asks for no more than the largest node has: a run that was planned for other machines goes on, only slower.
    Chunks share GPUs where there are more chunks than GPUs and their memory has room for several.
    """
    able = [node for node in cluster.nodes if node.cpus >= 1]
    cpus = min(config.threads, max((int(node.cpus) for node in able), default=config.threads))
    if config.device == "cpu":
        return {"num_cpus": cpus, "memory": min(memory, max((node.memory for node in able), default=memory))}
    gpus = sum(int(node.gpus) for node in cluster.nodes)
    sharing = min(cluster.gpu_memory // memory, math.ceil(config.chunk_count / max(1, gpus)))
    return {"num_cpus": cpus, "num_gpus": 1 / max(1, sharing)}


def plugins_setting() -> dict[str, str]:
    """The variables of this process that decide which plugins there are."""
    return {name: value for name, value in os.environ.items() if name == ALLOWED}
