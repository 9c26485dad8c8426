"""What all contracts share: columns in order, types, words that several frames use."""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache
from typing import Annotated, Any

import pandas as pd
import pandera.pandas as pa

Instant = Annotated[pd.DatetimeTZDtype, "us", "UTC"]

LINE_STATES = ("read", "not understood", "blank")
FRESHNESS = ("fresh", "due", "overdue", "unknown", "exempt")
STATUSES = ("open", "accepted", "unknown")

_TRUSTED: ContextVar[bool] = ContextVar("trusted", default=False)


@contextmanager
def trusted() -> Iterator[None]:
    """Within it frames get the columns and types of their contracts, and no more checks.

    For what is built again, by the same functions from the same checked frames, while a person waits.
    """
    token = _TRUSTED.set(True)
    try:
        yield
    finally:
        _TRUSTED.reset(token)


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
        """The frame, validated, with a fresh index; the last line of the function that builds it."""
        if _TRUSTED.get():
            return frame.reset_index(drop=True)[list(cls.types())].astype(cls.types())
        return cls.validate(frame.reset_index(drop=True))

    @classmethod
    @cache
    def types(cls) -> dict[str, Any]:
        """The type of each column, in order."""
        return {str(name): column.dtype.type for name, column in cls.to_schema().columns.items()}


def rows(frame: pd.DataFrame) -> Iterator[Any]:
    """Each row of a frame as a named tuple, in order; a null is None."""
    return frame.astype(object).where(frame.notna(), None).itertuples(index=False)
