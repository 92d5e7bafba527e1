"""The plan of a run: all members are covered, what is at work fits, and no machine is needed to tell."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hypergraph.engines.base import Resources, max_parallel_chunks, plan_chunks
from hypergraph.errors import UsageError
from hypergraph.runs.config import RunConfig
from hypergraph.spec import MLPSpec
from hypergraph.training.memory import MEMBER, RECOMPUTED, fitting_members
from hypergraph.training.recipe import Recipe

SPECS = (MLPSpec((4, 6, 1)), MLPSpec((40, 60, 1)))
EACH = MEMBER + SPECS[1].weight_count * RECOMPUTED
"""Bytes that a member takes."""


def config_of(members: int, specs: tuple[MLPSpec, ...] = SPECS) -> RunConfig:
    return RunConfig("l1norm", specs, members, 0, "cpu", Recipe(steps=1))


@given(members=st.integers(1, 40), cores=st.integers(1, 16), fitting=st.integers(1, 50))
def test_a_plan_covers_all_members_and_what_is_at_work_fits(members: int, cores: int, fitting: int) -> None:
    """As many at a time as there are cores, unless memory has no room for a member each."""
    resources = Resources(workers=cores, cores=cores, memory=fitting * EACH + EACH // 2)
    config = plan_chunks(config_of(members), resources)
    workers = max_parallel_chunks(config, resources)
    assert fitting_members(SPECS[1], RECOMPUTED, resources.memory) == fitting
    assert [member for part in config.member_ranges for member in part] == list(range(members))
    assert workers * max(map(len, config.member_ranges)) <= fitting
    assert workers == min(cores, members, fitting)
    assert members > fitting // workers * workers or config.chunk_count == workers


@given(members=st.integers(1, 40), workers=st.integers(1, 16), fitting=st.integers(1, 50), machines=st.integers(1, 5))
def test_what_is_at_work_fits_on_each_of_several_machines(
    members: int, workers: int, fitting: int, machines: int
) -> None:
    resources = Resources(workers, 16, fitting * EACH, machines)
    config = plan_chunks(config_of(members), resources)
    at_work = max_parallel_chunks(config, resources)
    on_one = -(-at_work // machines)
    assert on_one * max(map(len, config.member_ranges)) <= fitting
    assert on_one * config.threads <= 16
    assert at_work == min(workers, members, fitting * machines)


@given(workers=st.integers(1, 16), members=st.integers(1, 40))
def test_machines_of_one_worker_each_share_no_cores(workers: int, members: int) -> None:
    config = plan_chunks(config_of(members), Resources(workers, 4, 10**12, machines=workers))
    assert config.threads == (4 if members * SPECS[1].weight_count >= 10_000 else 1)


def test_cores_are_shared_out_as_threads_where_networks_are_large() -> None:
    for sizes, members, threads in (((4, 6, 1), 4, 1), ((100, 200, 1), 4, 4), ((100, 200, 1), 33, 1)):
        config = config_of(members, (MLPSpec(sizes),))
        assert plan_chunks(config, Resources(workers=16, cores=16, memory=10**12)).threads == threads


def test_a_gpu_has_one_process() -> None:
    config = config_of(9, (MLPSpec((4, 6, 1)),))
    for room, count in ((9, 1), (5, 2), (1, 9)):
        resources = Resources(workers=1, cores=16, memory=room * (MEMBER + 30 * RECOMPUTED))
        planned = plan_chunks(config, resources)
        assert (planned.chunk_count, max_parallel_chunks(planned, resources)) == (count, 1)


def test_a_network_too_large_for_the_workers_is_refused() -> None:
    with pytest.raises(UsageError, match="1 at once need about"):
        plan_chunks(config_of(1), Resources(1, 1, EACH - 1))
