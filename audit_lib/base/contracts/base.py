"""What all contracts share: columns in order, types, words that several frames use."""

from collections import namedtuple
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Annotated, Any, ClassVar, Generic, TypeVar, get_args

import numpy as np
import pandas as pd

Kind = TypeVar("Kind")
Instant = Annotated[pd.DatetimeTZDtype, "us", "UTC"]

LINE_STATES = ("read", "not understood", "blank")
FRESHNESS = ("fresh", "due", "overdue", "unknown", "exempt")
STATUSES = ("open", "accepted", "unknown")

_INSTANT = pd.DatetimeTZDtype("us", "UTC")
_TYPES: dict[Any, Any] = {
    Instant: _INSTANT,
    str: pd.StringDtype(na_value=np.nan),
    bool: np.dtype(bool),
    int: np.dtype("int64"),
    float: np.dtype("float64"),
}


class Series(Generic[Kind]):
    """The annotation of a contract's column: of which type its values are."""


@dataclass(frozen=True)
class Column:
    """What a contract says of a column."""

    type: Any = None  # as pandas has it
    nullable: bool = False
    unique: bool = False
    isin: tuple[str, ...] = ()  # its only words; empty: any


def Field(*, nullable: bool = False, unique: bool = False, isin: Collection[str] = ()) -> Any:  # noqa: N802
    """What a contract says of a column beside its type."""
    return Column(nullable=nullable, unique=unique, isin=tuple(isin))


class Contract:
    """The base of all contracts: exactly the columns named, coerced to their types, in their order."""

    _columns: ClassVar[Mapping[str, Column]] = {}

    def __init_subclass__(cls) -> None:
        said = vars(cls)
        cls._columns = {
            name: replace(said.get(name, Column()), type=_type(*get_args(kind)))
            for name, kind in cls.__annotations__.items()
        }

    @classmethod
    def of(cls, rows: Iterable[Mapping[str, Any]]) -> pd.DataFrame:
        """A validated frame of the rows given, with its columns and types also where there is no row."""
        frame = pd.DataFrame(list(rows), columns=list(cls.columns()))
        return cls.checked(frame)

    @classmethod
    def checked(cls, frame: pd.DataFrame) -> pd.DataFrame:
        """The frame, validated, with a fresh index; the last line of the function that builds it.

        What is plainly right needs no pandera, which takes longer to import than a small frame to build.

        Raises:
            pandera's SchemaError: it is not what the contract says.
        """
        fresh = frame.reset_index(drop=True)
        columns = cls.columns()
        if list(fresh) == list(columns):
            given = dict(fresh.items())  # to ask the frame for a column takes as long as to judge it
            if bare := [name for name, column in columns.items() if _is_bare(given[name], column)]:
                raise _fault(cls, fresh, f"nothing in {', '.join(bare)} may be null")
            with suppress(ValueError, TypeError):
                coerced = {name: _coerced(given[name], column) for name, column in columns.items()}
                if all(_holds(coerced[name], column) for name, column in columns.items()):
                    return pd.DataFrame(coerced, index=fresh.index, copy=False)
        return cls.validate(fresh)

    @classmethod
    def validate(cls, frame: pd.DataFrame) -> pd.DataFrame:
        """The frame as pandera coerces and judges it; raises its SchemaError."""
        judged: pd.DataFrame = _schema(cls).validate(frame)
        return judged

    @classmethod
    def shaped(cls, rows: Iterable[Mapping[str, Any]]) -> pd.DataFrame:
        """The rows with the columns and types of the contract, unchecked: for one that is filtered first."""
        return pd.DataFrame(list(rows), columns=list(cls.types())).astype(cls.types())

    @classmethod
    def columns(cls) -> Mapping[str, Column]:
        """What is said of each column, in order."""
        return cls._columns

    @classmethod
    def types(cls) -> dict[str, Any]:
        """The type of each column, in order."""
        return {name: column.type for name, column in cls._columns.items()}


def _type(kind: Any) -> Any:
    return _TYPES[kind] if kind in _TYPES else kind()


def _schema(contract: type[Contract]) -> Any:
    """The contract as pandera's schema; imported where something may be wrong."""
    import pandera.pandas as pa  # noqa: PLC0415

    columns = {
        name: pa.Column(
            column.type,
            pa.Check.isin(column.isin) if column.isin else None,
            nullable=column.nullable,
            unique=column.unique,
        )
        for name, column in contract.columns().items()
    }
    return pa.DataFrameSchema(columns, strict=True, coerce=True, ordered=True, name=contract.__name__)


def _fault(contract: type[Contract], frame: pd.DataFrame, text: str) -> Exception:
    from pandera.errors import SchemaError  # noqa: PLC0415

    return SchemaError(_schema(contract), frame, text)  # type: ignore[no-untyped-call]


def _is_bare(values: pd.Series, column: Column) -> bool:
    """Whether a value is missing that must be there; coerced first, as pandera does, it would be `False`."""
    return not column.nullable and bool(values.isna().any())


def _coerced(values: pd.Series, column: Column) -> pd.Series:
    if _is_of(values, column):
        return values
    instants = pd.to_datetime(values, utc=True) if column.type == _INSTANT else values
    return instants.astype(column.type)


def _is_of(values: pd.Series, column: Column) -> bool:
    # By name: categories with words equal no categories without, and comparing types takes long.
    return bool(values.dtype.name == column.type.name)


def _holds(values: pd.Series, column: Column) -> bool:
    """Whether a column is plainly what its contract says."""
    if not _is_of(values, column) or (column.unique and not values.is_unique):
        return False
    return not column.isin or bool(values.dropna().isin(column.isin).all())


def rows(frame: pd.DataFrame) -> Iterator[Any]:
    """Each row of a frame as a named tuple of Python's own values, in order; a null is None."""
    if frame.empty:
        return iter(())
    kind = _row_of(tuple(map(str, frame)))
    return map(kind._make, zip(*(_values(column) for _, column in frame.items()), strict=True))


@lru_cache(maxsize=256)  # making one takes longer than a row
def _row_of(columns: tuple[str, ...]) -> Any:
    return namedtuple("Row", columns, rename=True)


def _values(column: pd.Series) -> Any:
    # Of a column that was pickled `to_numpy(copy=True)` is a view: what is written here would be there, too.
    values = np.array(column.to_numpy(dtype=object))
    values[column.isna().to_numpy()] = None
    return values
