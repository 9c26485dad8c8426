"""What all contracts share: columns in order, types, and the judge that a frame is what its contract says."""

from collections import namedtuple
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cache, partial
from typing import Annotated, Any, ClassVar, Generic, TypeVar, get_args

import numpy as np
import pandas as pd

Kind = TypeVar("Kind")
Instant = Annotated[pd.DatetimeTZDtype, "us", "UTC"]
Several = tuple[Any, ...]  # a list in a cell: never a text that is parted again
_TYPES: dict[Any, Any] = {
    Instant: pd.DatetimeTZDtype("us", "UTC"),
    str: pd.StringDtype(na_value=np.nan),
    bool: np.dtype(bool),
    int: np.dtype("int64"),
    float: np.dtype("float64"),
    Several: np.dtype(object),
}
_row: Any = cache(partial(namedtuple, "Row", rename=True))  # making a class takes as long as hundreds of rows


class Series(Generic[Kind]):
    """The annotation of a contract's column: of which type its values are."""


@dataclass(frozen=True)
class Column:
    """What a contract says of a column."""

    type: Any = None  # as pandas has it
    nullable: bool = False
    unique: bool = False
    isin: Collection[str] = ()  # its only words; empty: any


Field: Any = Column  # as a contract has it beside the type of a column


class ContractBroken(AssertionError):
    """A frame is not what its contract says: a fault of this program, never of what was read."""


class Contract:
    """The columns of a frame in their types and their order, first those of a contract that it extends."""

    columns: ClassVar[dict[str, Column]] = {}  # what is said of each, in order

    def __init_subclass__(cls) -> None:
        kinds = {name: get_args(kind)[0] for name, kind in cls.__annotations__.items()}
        cls.columns = cls.columns | {
            name: replace(vars(cls).get(name, Column()), type=_TYPES[kind] if kind in _TYPES else kind())
            for name, kind in kinds.items()
        }

    @classmethod
    def of(cls, rows: Iterable[Mapping[str, Any]]) -> pd.DataFrame:
        """A judged frame of the rows given, with its columns and types also if there is no row. What a row
        lacks is null; what the contract does not name is left out."""
        own = list(rows)
        return cls._judge({name: np.fromiter([row.get(name) for row in own], object) for name in cls.columns})

    @classmethod
    def checked(cls, frame: pd.DataFrame) -> pd.DataFrame:
        """The frame with a fresh index, each column coerced and judged; ends the function that builds it.
        Raises `ContractBroken`, which names contract and column, never a value."""
        if list(frame) != list(cls.columns):
            odd = sorted({*map(str, frame)} ^ {*cls.columns}) or "their order"
            raise ContractBroken(f"{cls.__name__}: other columns than the contract's: {odd}")
        fresh = frame.reset_index(drop=True)
        return cls._judge(fresh, fresh.index)

    @classmethod
    def _judge(cls, given: Any, index: pd.Index | None = None) -> pd.DataFrame:
        judged = {name: _judged(f"{cls.__name__}: {name}", given[name], cls.columns[name]) for name in given}
        return pd.DataFrame(judged, index, copy=False)


def _judged(place: str, values: Any, column: Column) -> Any:
    cells = getattr(values, "array", values)  # judged in a tenth of the time that a Series takes
    if not column.nullable and pd.isna(cells).any():  # before it is coerced: as a bool it would be `False`
        raise ContractBroken(f"{place} may not be null")
    try:
        if cells.dtype.name != column.type.name:  # categories with words equal none without
            values = cells = pd.array(cells, column.type)
    except (TypeError, ValueError):
        raise ContractBroken(f"{place} cannot be {column.type}") from None
    if column.unique and len(pd.unique(cells)) < len(cells):
        raise ContractBroken(f"{place} names something twice")
    if column.isin and not {*pd.unique(cells[~pd.isna(cells)])} <= {*column.isin}:
        raise ContractBroken(f"{place} must be one of {', '.join(column.isin)}")
    return values


def rows(frame: pd.DataFrame) -> Iterator[Any]:
    """Each row as a named tuple of Python's own values: a null is None, a name that is none its position."""
    if frame.empty:
        return iter(())
    cells = np.array(frame, dtype=object)  # in a sixth of the time that a Series for each step takes
    return map(_row(tuple(map(str, frame)))._make, np.where(pd.isna(cells), np.array(None), cells).tolist())


class Sources(Contract):
    """One row for each source that was expected or found, supplied or not. What a source has not is null."""

    source: Series[str]  # the path within the project, or "--env production/backend"
    kind: Series[str]  # env file | example | backup | given values | log | deploy list | guide | policy | …
    environment: Series[str]  # "" where it has none
    service: Series[str]
    state: Series[str] = Field(isin=("read", "missing", "unreadable", "empty", "refused"))
    reason: Series[str]
    lines: Series[pd.Int64Dtype] = Field(nullable=True)
    read: Series[pd.Int64Dtype] = Field(nullable=True)  # of a log: requests, messages and text only
    requests: Series[pd.Int64Dtype] = Field(nullable=True)
    messages: Series[pd.Int64Dtype] = Field(nullable=True)
    text_only: Series[pd.Int64Dtype] = Field(nullable=True)
    own_words: Series[pd.Int64Dtype] = Field(nullable=True)  # of text only, those that may tell of refusals
    last_at: Series[Instant] = Field(nullable=True)  # of a log, of whatever period
    not_understood: Series[pd.Int64Dtype] = Field(nullable=True)
    blank: Series[pd.Int64Dtype] = Field(nullable=True)
    zone_assumed: Series[pd.BooleanDtype] = Field(nullable=True)  # whether a log's times were taken as UTC
    size_bytes: Series[pd.Int64Dtype] = Field(nullable=True)
    sha256: Series[str] = Field(nullable=True)  # null for env files and exports
    keyed_digest: Series[str] = Field(nullable=True)  # of env files and exports, by Key.digest
    modified_at: Series[Instant] = Field(nullable=True)
    mode: Series[str] = Field(nullable=True)  # "0600"
    tracked: Series[pd.BooleanDtype] = Field(nullable=True)  # by git
    ignored: Series[pd.BooleanDtype] = Field(nullable=True)
    remedy: Series[str]  # for a source that is missing, the command that would supply it
