"""What all contracts share: columns in order, types, words that several frames use."""

from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from typing import Annotated, Any

import pandas as pd
import pandera.pandas as pa

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
        """The frame, validated, with a fresh index; the last line of the function that builds it."""
        return cls.validate(frame.reset_index(drop=True))

    @classmethod
    def shaped(cls, rows: Iterable[Mapping[str, Any]]) -> pd.DataFrame:
        """The rows with the columns and types of the contract, unchecked: for one that is filtered first."""
        return pd.DataFrame(list(rows), columns=list(cls.types())).astype(cls.types())

    @classmethod
    @cache
    def types(cls) -> dict[str, Any]:
        """The type of each column, in order."""
        return {str(name): column.dtype.type for name, column in cls.to_schema().columns.items()}


def rows(frame: pd.DataFrame) -> Iterator[Any]:
    """Each row of a frame as a named tuple, in order; a null is None."""
    return frame.astype(object).where(frame.notna(), None).itertuples(index=False)
