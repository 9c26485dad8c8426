"""What all contracts share: columns in order, types, words that several frames use."""

from collections import namedtuple
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from functools import cache
from typing import Annotated, Any

import numpy as np
import pandas as pd
import pandera.pandas as pa
from pandera.errors import SchemaError

Instant = Annotated[pd.DatetimeTZDtype, "us", "UTC"]

LINE_STATES = ("read", "not understood", "blank")
FRESHNESS = ("fresh", "due", "overdue", "unknown", "exempt")
STATUSES = ("open", "accepted", "unknown")


class Contract(pa.DataFrameModel):
    """The base of all contracts: exactly the columns named, coerced to their types, in their order."""

    class Config:
        """Nothing is added, nothing is missing."""

        strict = True
        coerce = True
        ordered = True

    @classmethod
    def of(cls, rows: Iterable[Mapping[str, Any]]) -> pd.DataFrame:
        """A validated frame of the rows given, with its columns and types also where there is no row."""
        columns = list(cls.to_schema().columns)
        frame = pd.DataFrame(list(rows), columns=columns)
        return cls.checked(frame)

    @classmethod
    def checked(cls, frame: pd.DataFrame) -> pd.DataFrame:
        """The frame, validated, with a fresh index; the last line of the function that builds it.

        What is plainly right is not validated once more by pandera, which takes a millisecond for a column.

        Raises:
            pandera's SchemaError: it is not what the contract says.
        """
        fresh = frame.reset_index(drop=True)
        if list(fresh) == list(cls.types()):
            columns = cls.to_schema().columns
            if bare := [name for name, column in columns.items() if _bare(fresh[name], column)]:
                raise SchemaError(cls.to_schema(), fresh, f"nothing in {', '.join(bare)} may be null")  # type: ignore[no-untyped-call]
            with suppress(ValueError, TypeError):
                coerced = {name: _coerced(fresh[name], column) for name, column in columns.items()}
                if all(_holds(coerced[name], column) for name, column in columns.items()):
                    return pd.DataFrame(coerced, index=fresh.index)
        return cls.validate(fresh)

    @classmethod
    def shaped(cls, rows: Iterable[Mapping[str, Any]]) -> pd.DataFrame:
        """The rows with the columns and types of the contract, unchecked: for one that is filtered first."""
        return pd.DataFrame(list(rows), columns=list(cls.types())).astype(cls.types())

    @classmethod
    @cache
    def types(cls) -> dict[str, Any]:
        """The type of each column, in order."""
        return {str(name): column.dtype.type for name, column in cls.to_schema().columns.items()}


def _bare(values: pd.Series, column: pa.Column) -> bool:
    """Whether a value is missing that must be there; coerced first, as pandera does, it would be `False`."""
    return not column.nullable and bool(values.isna().any())


def _coerced(values: pd.Series, column: pa.Column) -> pd.Series:
    return values if _is_of(values, column) else column.dtype.coerce(values)


def _is_of(values: pd.Series, column: pa.Column) -> bool:
    kind = column.dtype.type
    return bool(values.dtype == kind or (kind == "category" and values.dtype == "category"))


def _holds(values: pd.Series, column: pa.Column) -> bool:
    """Whether a column is plainly what its contract says; of checks other than `isin`, pandera judges."""
    if not _is_of(values, column):
        return False
    return (not column.unique or values.is_unique) and all(_is_in(values, check) for check in column.checks)


def _is_in(values: pd.Series, check: pa.Check) -> bool:
    allowed = (check.statistics or {}).get("allowed_values", ())
    return check.name == "isin" and bool(values.dropna().isin(allowed).all())


def rows(frame: pd.DataFrame) -> Iterator[Any]:
    """Each row of a frame as a named tuple of Python's own values, in order; a null is None."""
    kind = namedtuple("Row", map(str, frame), rename=True)  # type: ignore[misc]
    return map(kind._make, zip(*(_values(frame[name]) for name in frame), strict=True))


def _values(column: pd.Series) -> Any:
    # Of a column that was pickled `to_numpy(copy=True)` is a view: what is written here would be there, too.
    values = np.array(column.to_numpy(dtype=object))
    values[column.isna().to_numpy()] = None
    return values
