"""Networks are described by "16,48,1", by JSON or by TOML; what is wrong with a description is said in one line."""

from __future__ import annotations

import json
import tracemalloc
from itertools import product
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from listing import list_weights
from msgspec.structs import replace
from strategies import specs

from hypergraph.errors import SpecError, UsageError
from hypergraph.spec import MAX_CONNECTIONS, Connection, MLPSpec

TOML = """
sizes = [3, 2, 2, 1]
activation = "tanh"
bias = false
skips = [[0, 2]]

[[masks]]
source = 1
target = 2
rows = ["10", "01"]
"""
SPEC = MLPSpec((3, 2, 2, 1), "tanh", False, ((0, 2),), (Connection(1, 2, ("10", "01")),))


@pytest.mark.parametrize(
    ("text", "sizes"),
    [("16,48,1", (16, 48, 1)), ("1,1", (1, 1)), (" 2, 3 ", (2, 3)), ("1" + ",2" * 10, (1, *[2] * 10))],
)
def test_sizes_as_text(text: str, sizes: tuple[int, ...]) -> None:
    spec = MLPSpec.parse(text)
    assert spec == MLPSpec(sizes, activation="silu", bias=True, skips=(), masks=())
    assert MLPSpec.parse(str(spec)) == spec


@pytest.mark.parametrize("suffix", ["toml", "json"])
def test_spec_in_a_file(suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"network.{suffix}"
    path.write_text(TOML if suffix == "toml" else SPEC.to_json())
    assert MLPSpec.parse(str(path)) == SPEC


def test_sizes_alone_are_enough() -> None:
    assert MLPSpec.from_json('{"sizes": [2, 1]}') == MLPSpec((2, 1))


MIXED = MLPSpec((3, 4, 5, 1), ("relu", "square"))


def test_each_hidden_layer_may_have_its_own_activation(tmp_path: Path) -> None:
    assert MIXED.activations == ("relu", "square")
    assert MLPSpec((3, 4, 5, 1), "gelu").activations == ("gelu", "gelu")
    (tmp_path / "network.toml").write_text('sizes = [3, 4, 5, 1]\nactivation = ["relu", "square"]')
    (tmp_path / "network.json").write_text(MIXED.to_json())
    assert '"activation": ["relu", "square"]' in MIXED.to_json()
    assert MLPSpec.parse(f"{tmp_path}/network.toml") == MLPSpec.parse(f"{tmp_path}/network.json") == MIXED


def test_one_activation_for_all_is_written_as_ever() -> None:
    text = '{"sizes": [3, 4, 5, 1], "activation": "relu", "bias": true, "skips": [], "masks": []}'
    alike = MLPSpec((3, 4, 5, 1), ("relu", "relu"))
    assert alike.to_json() == text
    assert alike == MLPSpec.from_json(text)
    assert (alike.activation, MLPSpec((2, 1), "relu").activations) == ("relu", ())


@given(spec=specs())
def test_round_trip(spec: MLPSpec) -> None:
    text = spec.to_json()
    assert "\n" not in text
    assert MLPSpec.from_json(text) == spec
    assert MLPSpec.from_fields(msgspec.to_builtins(spec)) == spec
    assert hash(MLPSpec.from_json(text)) == hash(spec)


@given(spec=specs())
def test_counts(spec: MLPSpec) -> None:
    weights = list_weights(spec)
    assert spec.weight_count == len(weights)
    assert spec.dense_weights == len(list_weights(replace(spec, masks=())))
    ends = [(weight.source_layer, weight.target_layer) for weight in weights]
    assert [spec.count(c) for c in spec.connections] == [ends.count((c.source, c.target)) for c in spec.connections]
    assert [(c.source, c.target) for c in spec.connections if spec.count(c)] == list(dict.fromkeys(ends))


def assert_one_line(error: pytest.ExceptionInfo[SpecError], *parts: str) -> None:
    message = str(error.value)
    assert len(message.splitlines()) == 1
    for part in parts:
        assert part in message
    assert error.value.exit_code == 2
    assert isinstance(error.value, UsageError)


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("", "''"),
        ("16", "sizes is (16,): expected list of length >= 2"),
        ("16,", "'16,'"),
        ("16,x,1", "'16,x,1'"),
        ("16;48", "'16;48'"),
        ("16.0,1", "'16.0,1'"),
        ("16\n48,1", r"'16\n48,1'"),
        ("0,1", "sizes[0] is 0: expected int >= 1"),
        ("16,-3,1", "sizes[1] is -3: expected int >= 1"),
        ("3000000000,1", "sizes[0] is 3000000000: expected int <= 2147483647"),
        ("60000,60000", "3,600,000,000 weights"),
        ("2147483647,2,2", "at most 2,147,483,647"),
        ("network.yaml", "'network.yaml'"),
        ("no/such/file.json", "no/such/file.json"),
        ("no/such/file.toml", "no/such/file.toml"),
    ],
)
def test_bad_text(text: str, named: str) -> None:
    with pytest.raises(SpecError) as error:
        MLPSpec.parse(text)
    assert_one_line(error, named)


def sizes_of(text: str) -> list[tuple[int, ...]]:
    return [spec.sizes for spec in MLPSpec.parse_all(text)]


@pytest.mark.parametrize(
    ("text", "sizes"),
    [
        ("8-16:4,x3,1", [(8, 24, 1), (12, 36, 1), (16, 48, 1)]),
        ("2-4,1", [(2, 1), (3, 1), (4, 1)]),
        ("2-3,5-9:4,1", [(2, 5, 1), (2, 9, 1), (3, 5, 1), (3, 9, 1)]),
        ("2-7:4,1", [(2, 1), (6, 1)]),
        (" 2 , x3,x2 ,1-2", [(2, 6, 12, 1), (2, 6, 12, 2)]),
        ("3-3,1", [(3, 1)]),
        ("3-5:9,1", [(3, 1)]),
        ("4,x1", [(4, 4)]),
        ("1-1000,1", [(size, 1) for size in range(1, 1001)]),
    ],
)
def test_ranges_and_multiples_stand_for_several_networks(text: str, sizes: list[tuple[int, ...]]) -> None:
    assert sizes_of(text) == sizes


ranges = st.builds(lambda first, more, step: range(first, first + more + 1, step), *[st.integers(1, 5)] * 3)


@given(layers=st.lists(ranges, min_size=2, max_size=4), times=st.integers(1, 9))
def test_ranges_are_all_their_combinations_and_a_multiple_is_of_the_layer_before(
    layers: list[range], times: int
) -> None:
    parts = [f"{layer[0]}-{layer[-1]}:{layer.step}" for layer in layers]
    expected = list(product(*layers))
    assert sizes_of(",".join(parts)) == expected
    parts.insert(1, f"x{times}")
    assert sizes_of(",".join(parts)) == [(first, times * first, *others) for first, *others in expected]


@given(spec=specs())
def test_one_network_is_read_as_ever(spec: MLPSpec, tmp_path_factory: pytest.TempPathFactory) -> None:
    plain = ",".join(map(str, spec.sizes))
    assert MLPSpec.parse_all(plain) == (MLPSpec.parse(plain),)
    path = tmp_path_factory.getbasetemp() / "8-9,spec.json"
    path.write_text(spec.to_json())
    assert MLPSpec.parse_all(str(path)) == (MLPSpec.parse(str(path)),) == (spec,)


@pytest.mark.parametrize("text", ["16,48,1", "1,1", " 2, 3 ", "007,1", "1" + ",2" * 10])
def test_sizes_are_read_as_ever(text: str) -> None:
    assert MLPSpec.parse_all(text) == (MLPSpec.parse(text),)


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("x3,1", "'x3' in 'x3,1' is no size"),
        ("9-8,1", "'9-8' in '9-8,1' is no size"),
        ("1-1001,1", "at most 1,000 are possible"),
        ("1-50,1-50,1", "2,500 networks or more; at most 1,000"),
        ("8-16:0,1", "'8-16:0,1' is no network"),
        ("8-,1", "'8-,1' is no network"),
        ("-8,1", "sizes[0] is -8"),
        ("8--9,1", "'8--9,1' is no network"),
        ("8:2,1", "'8:2,1' is no network"),
        ("8-9:x2,1", "'8-9:x2,1' is no network"),
        ("8-\n9,1", r"'8-\n9,1'"),
        ("0-2,1", "sizes[0] is 0"),
        ("4,x0", "sizes[1] is 0"),
        ("4-8", "sizes is (4,)"),
        ("60000,x1", "3,600,000,000 weights"),
        ("4,x999999,x999999", "sizes[2] is 3999992000004"),
        ("8-16,1.json", "cannot read 8-16,1.json: no such file"),
        ("", "''"),
    ],
)
def test_bad_ranges(text: str, named: str) -> None:
    with pytest.raises(SpecError) as error:
        MLPSpec.parse_all(text)
    assert_one_line(error, named)


@pytest.mark.parametrize("text", ["1-200000,1", "1-500,1-400,1"])
def test_a_range_that_is_too_large_is_refused_before_it_is_spelled_out(text: str) -> None:
    tracemalloc.start()
    try:
        with pytest.raises(SpecError, match="are possible"):
            MLPSpec.parse_all(text)
        assert tracemalloc.get_traced_memory()[1] < 1_000_000
    finally:
        tracemalloc.stop()


def fields(**others: object) -> str:
    return json.dumps({"sizes": [2, 3, 1], **others})


def mask(**others: object) -> str:
    return fields(masks=[{"source": 0, "target": 1, "rows": ["10", "01", "11"], **others}])


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("", "not JSON"),
        ("{", "not JSON"),
        ("[" * 100_000, "not JSON"),
        ("[2, 1]", "is [2, 1]: expected table"),
        ("null", "is None: expected table"),
        ("{}", "sizes is missing"),
        ('{"sizes": []}', "sizes is []"),
        ('{"sizes": [2]}', "sizes is [2]: expected list of length >= 2"),
        ('{"sizes": "2,1"}', "'2,1'"),
        ('{"sizes": 2}', "sizes is 2: expected list"),
        ('{"sizes": [2.0, 1]}', "sizes[0] is 2.0: expected int"),
        ('{"sizes": [true, 1]}', "sizes[0] is True"),
        ('{"sizes": [[2], 1]}', "sizes[0] is [2]"),
        ('{"sizes": [null, 1]}', "sizes[0] is None"),
        ('{"sizes": [1e400, 1]}', "sizes[0] is inf"),
        (fields(depth=3), "depth is unknown: expected one of sizes, activation, bias, skips, masks"),
        (fields(activation=3), "activation is 3: expected str"),
        (fields(activation="no name"), "'no name'"),
        (fields(activation=[]), "activation is []: expected list of length >= 1"),
        (
            fields(activation=["relu", "tanh"]),
            "activation has 2 names: expected one, or one for each hidden layer of 2",
        ),
        (fields(activation=["sine"]), "activation[0] is 'sine': expected one of celu, elu, "),
        (fields(activation=[1]), "activation[0] is 1: expected str"),
        (fields(activation=""), "activation is '': expected one of celu, elu, "),
        (fields(activation="a\nb"), r"'a\nb'"),
        (fields(bias=1), "bias is 1: expected bool"),
        (fields(bias="yes"), "'yes'"),
        (fields(skips=2), "skips is 2: expected list"),
        (fields(skips=None), "skips is None: expected list"),
        (fields(skips=[2]), "skips[0] is 2: expected list"),
        (fields(skips=[[0]]), "skips[0] is [0]: expected list of length 2"),
        (fields(skips=[[0, 1, 2]]), "skips[0] is [0, 1, 2]"),
        (fields(skips=[[0, 2.0]]), "skips[0][1] is 2.0"),
        (fields(skips=[[0, "2"]]), "skips[0][1] is '2'"),
        (fields(skips=[[False, 2]]), "skips[0][0] is False"),
        (fields(skips=[[0, 1]]), "skips has [0, 1]: expected to jump over a layer"),
        (fields(skips=[[2, 0]]), "[2, 0]"),
        (fields(skips=[[1, 3]]), "layers 0 to 2"),
        (fields(skips=[[-1, 2]]), "skips[0][0] is -1: expected int >= 0"),
        (fields(skips=[[0, 2], [0, 2]]), "twice"),
        (fields(masks={}), "masks is {}: expected list"),
        (fields(masks=[[]]), "masks[0] is []: expected table"),
        (fields(masks=[{"source": 0, "target": 1}]), "needs 3 rows of 2"),
        (fields(masks=[{"source": 0}]), "masks[0].target is missing"),
        (mask(extra=1), "masks[0].extra is unknown: expected one of source, target, rows"),
        (mask(source=1), "mask on 1->1"),
        (mask(target=2), "mask on 0->2"),
        (mask(source=-1), "masks[0].source is -1"),
        (mask(rows="10"), "masks[0].rows is '10': expected list"),
        (mask(rows=None), "needs 3 rows of 2"),
        (mask(rows=["10", "01"]), "needs 3 rows of 2"),
        (mask(rows=["10", "01", "1"]), "needs 3 rows of 2"),
        (mask(rows=["10", "01", "12"]), "needs 3 rows of 2"),
        (mask(rows=["10", "01", [1, 1]]), "masks[0].rows[2] is [1, 1]: expected str"),
        (fields(masks=2 * [{"source": 0, "target": 1, "rows": ["10", "01", "11"]}]), "two masks"),
        (mask(source=[0]), "mask"),
        (mask(source=0.0), "mask"),
        (mask(target=True), "mask"),
    ],
)
def test_bad_json(text: str, named: str) -> None:
    with pytest.raises(SpecError) as error:
        MLPSpec.from_json(text)
    assert_one_line(error, named)


@pytest.mark.parametrize(
    ("name", "content", "named"),
    [
        ("network.toml", b"sizes = [1,", "Invalid"),
        ("network.toml", b"sizes = [16, 0]", "sizes[1] is 0"),
        ("network.toml", b"size = [16, 1]", "size is unknown: expected one of sizes, "),
        ("network.json", b"sizes = [16, 1]", "not JSON"),
        ("network.json", b'{"sizes": [16, 0]}', "sizes[1] is 0"),
        ("network.json", b"\xff\xfe", "decode"),
        ("network.toml", b"sizes = " + b"[" * 100_000, "recursion"),
        ("network.toml", b"sizes = [" + b"9" * 5_000 + b", 1]", "digits"),
    ],
)
def test_bad_file(name: str, content: bytes, named: str, tmp_path: Path) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(SpecError) as error:
        MLPSpec.parse(str(path))
    assert_one_line(error, str(path), named)


def test_a_folder_is_no_spec(tmp_path: Path) -> None:
    path = tmp_path / "network.json"
    path.mkdir()
    with pytest.raises(SpecError) as error:
        MLPSpec.parse(str(path))
    assert_one_line(error, str(path))


def test_a_spec_is_a_value() -> None:
    assert replace(SPEC) == SPEC
    assert replace(SPEC, bias=True) != SPEC
    with pytest.raises(AttributeError, match="immutable"):
        SPEC.bias = True  # type: ignore[misc]


def test_connections_are_bounded() -> None:
    assert len(MLPSpec((1,) * (MAX_CONNECTIONS + 1)).connections) == MAX_CONNECTIONS
    with pytest.raises(SpecError, match="10,001 pairs of layers are joined; at most 10,000"):
        MLPSpec((1,) * (MAX_CONNECTIONS + 2))
    with pytest.raises(SpecError, match="10,001 pairs of layers"):
        MLPSpec((1,) * (MAX_CONNECTIONS + 1), skips=((0, 2),))


def test_a_spec_built_in_python_is_checked_as_one_in_a_file_is() -> None:
    """Also its masks, which are not checked where they are built."""
    lists: Any = {"sizes": [3, 2, 2, 1], "skips": [[0, 2]], "masks": [Connection(1, 2, ["10", "01"])]}  # type: ignore[arg-type]
    assert MLPSpec(activation="tanh", bias=False, **lists) == SPEC
    assert len({SPEC, MLPSpec(activation="tanh", bias=False, **lists)}) == 1
    wrong: list[tuple[dict[str, Any], str]] = [
        ({"sizes": 3}, r"^sizes is 3: expected list$"),
        ({"activation": "softmax"}, r"^activation is 'softmax': expected one of "),
        ({"masks": (Connection(True, 2, ("10", "01")),)}, r"^masks\[0\]\.source is True: expected int$"),
        ({"masks": (Connection(1, 2, ("10", "02")),)}, r"^mask on 1->2 needs 2 rows of 2 characters 0 or 1$"),
    ]
    for change, message in wrong:
        with pytest.raises(SpecError, match=message):
            replace(SPEC, **change)
