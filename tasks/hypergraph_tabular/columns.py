"""Turn the columns of a table into numbers; what cannot be turned is refused, with its column and row."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import pandas

Kind: TypeAlias = Literal["auto", "regression", "classification"]

MAX_CATEGORIES = 32
"""Most categories of a column, and most classes of a target."""
MAX_FEATURES = 256
"""Most inputs that the columns become."""
MAX_NUMBER = 1e30
MAX_NUMBERS = 20_000_000
"""Most numbers that the cells become; a category becomes one for each of its column."""
MOSTLY = 0.5
"""From this share of numbers on, a text in a column is a mistake."""


@dataclass(frozen=True)
class Numbers:
    """The numbers of a table.

    Attributes:
        features: [row, feature].
        names: of the features; the feature of a category is called column=category.
        target: [row, 1], or [row, class] of zeros and ones.
        classes: the names of the classes; none where the target is a number.
    """

    features: NDArray[np.float64]
    names: tuple[str, ...]
    target: NDArray[np.float64]
    classes: tuple[str, ...]


def to_numbers(frame: pandas.DataFrame, target: str, kind: Kind) -> Numbers:
    """Turn `target` into numbers or classes, and every other column into features.

    Raises:
        ValueError: a column or a cell cannot be used; the message names it.
    """
    frame = frame.rename(columns=str)
    _check_target(list(frame.columns), target)
    _check_complete(frame)
    goal, classes = _target(frame[target], target, kind)
    parts, names = [], list[str]()
    for name in frame.columns.drop(target):
        numbers, added = _feature(frame[name], name)
        parts.append(numbers)
        names += added
        _check_size(len(names), len(frame))  # now, because the columns to come may be large
    _check_size(len(names), len(frame))
    return Numbers(np.concatenate(parts, 1), tuple(names), goal, classes)


def _check_size(features: int, rows: int) -> None:
    if not 0 < features <= MAX_FEATURES:
        raise ValueError(
            f"the columns beside the target become {features} inputs or more: 1 to {MAX_FEATURES} can be used"
        )
    if features * rows > MAX_NUMBERS:
        raise ValueError(f"the table becomes more than {MAX_NUMBERS:,} numbers: take a part of its rows or columns")


def _check_target(columns: Sequence[str], target: str) -> None:
    if len(columns) != len(set(columns)):
        repeated = next(name for name in columns if columns.count(name) > 1)
        raise ValueError(f"two columns are called {repeated!r}: rename one")
    if target not in columns:
        close = difflib.get_close_matches(target, columns, 1)
        guess = f" (did you mean {close[0]}?)" if close else ""
        said = f"no column is called {target!r}{guess}" if target else "no target is named"
        raise ValueError(f"{said}; target is one of {', '.join(columns[:20])}{', …' if len(columns) > 20 else ''}")


def _check_complete(frame: pandas.DataFrame) -> None:
    """Refuse cells without a value. Rows are counted from 1, below the header."""
    missing = frame.isna().to_numpy()
    if not missing.any():
        return
    row, column = np.argwhere(missing)[0]
    gaps = missing.any(1).sum()
    others = f" (the first of {gaps} rows with gaps)" if gaps > 1 else ""
    raise ValueError(
        f"column {frame.columns[column]!r} has no value in row {row + 1}{others}: fill it, or remove the row"
    )


def _target(column: pandas.Series[Any], name: str, kind: Kind) -> tuple[NDArray[np.float64], tuple[str, ...]]:
    """A target of numbers is a regression and any other a classification, unless `kind` says another."""
    numeric = _is_numeric(column)
    if kind == "regression" and not numeric:
        raise ValueError(
            f"the target {name!r} has texts or true and false, which have no order: it takes a classification"
        )
    if kind != "classification" and numeric:
        return _numbers(column, name)[:, None], ()
    categories, numbers = _one_hot(column if numeric else _texts(column, name), name)
    if len(categories) < 2:
        raise ValueError(f"the target {name!r} has one class, {categories[0]!r}: there is nothing to tell apart")
    return numbers, categories


def _feature(column: pandas.Series[Any], name: str) -> tuple[NDArray[np.float64], tuple[str, ...]]:
    if _is_numeric(column) or column.dtype == bool:
        return _numbers(column, name)[:, None], (name,)
    categories, numbers = _one_hot(_texts(column, name), name)
    return numbers, tuple(f"{name}={category}" for category in categories)


def _is_numeric(column: pandas.Series[Any]) -> bool:
    return column.dtype.kind in "iuf"


def _numbers(column: pandas.Series[Any], name: str) -> NDArray[np.float64]:
    numbers: NDArray[np.float64] = column.to_numpy(dtype=np.float64)
    right = np.abs(numbers) <= MAX_NUMBER
    if not right.all():
        row = int(np.argmin(right))
        raise ValueError(
            f"column {name!r} is {numbers[row]:.3g} in row {row + 1}: write a number up to {MAX_NUMBER:.0e}, or "
            "remove the row"
        )
    return numbers


def _texts(column: pandas.Series[Any], name: str) -> pandas.Series[Any]:
    """The column as texts; other things, such as dates, are refused."""
    import pandas

    if column.dtype == bool:
        return column.astype(str)
    column = column.astype(object)
    kinds = sorted({type(value).__name__ for value in column} - {"str"})
    if kinds:
        raise ValueError(f"column {name!r} has values of type {kinds[0]}: write numbers, texts, or true and false")
    numbers = pandas.to_numeric(column, errors="coerce").isna().to_numpy()
    if 0 < numbers.mean() < MOSTLY:
        row = int(numbers.argmax())
        raise ValueError(
            f"column {name!r} has {column.iloc[row]!r} in row {row + 1}, and numbers elsewhere: correct it"
        )
    return column


def _one_hot(column: pandas.Series[Any], name: str) -> tuple[tuple[str, ...], NDArray[np.float64]]:
    """The categories in order, and a column of zeros and ones for each."""
    categories, index = np.unique(column.to_numpy(), return_inverse=True)
    if len(categories) > MAX_CATEGORIES:
        raise ValueError(
            f"column {name!r} has {len(categories):,} different values, such as {categories[0]!r}: "
            f"at most {MAX_CATEGORIES} categories can be used; group them, or remove the column"
        )
    return tuple(map(str, categories)), np.eye(len(categories))[index]
