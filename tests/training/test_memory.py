"""What would not fit is refused before it starts, with what would."""

import re

import pytest

from hypergraph.errors import UsageError
from hypergraph.spec import MLPSpec
from hypergraph.training import memory
from hypergraph.training.memory import GENERATION, MEMBER, RECOMPUTED, TRAINING, check_memory, needs_recompute

SPEC = MLPSpec((100, 100, 1))


@pytest.fixture
def free(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "free_memory", lambda device="cpu": 1_000_000_000)


@pytest.mark.usefixtures("free")
def test_refused_with_what_would_fit() -> None:
    with pytest.raises(UsageError, match=r"10,100 weights; 9 at once need about 1.2 GB and 1.0 GB are free") as told:
        check_memory(SPEC, 9, RECOMPUTED)
    found = re.search("at most ([0-9,]+) weights fit", str(told.value))
    assert found is not None
    most = int(found[1].replace(",", ""))
    check_memory(MLPSpec((most, 1)), 9, RECOMPUTED)
    with pytest.raises(UsageError):
        check_memory(MLPSpec((most + 1, 1)), 9, RECOMPUTED)


@pytest.mark.usefixtures("free")
def test_too_many_members_for_any_network() -> None:
    with pytest.raises(UsageError, match="at most 0 weights fit"):
        check_memory(MLPSpec((1, 1)), 1_000_000_000 // MEMBER + 1, GENERATION)


@pytest.mark.usefixtures("free")
def test_recomputing_where_only_that_fits() -> None:
    members = 1_000_000_000 // (MEMBER + SPEC.weight_count * RECOMPUTED)
    check_memory(SPEC, members, RECOMPUTED)
    assert needs_recompute(SPEC, members)
    assert not needs_recompute(SPEC, 1_000_000_000 // (MEMBER + SPEC.weight_count * TRAINING))


def test_a_small_network_fits_this_machine() -> None:
    check_memory(MLPSpec((16, 48, 1)), 1, TRAINING)
    assert not needs_recompute(MLPSpec((16, 48, 1)), 1)
