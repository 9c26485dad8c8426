"""What all contracts share: columns in order, types, words that several frames use."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Annotated, Any

import pandas as pd
import pandera.pandas as pa

Instant = Annotated[pd.DatetimeTZDtype, "us", "UTC"]

LINE_STATES = ("read", "not understood", "blank")
FRESHNESS = ("fresh", "due", "overdue", "unknown", "exempt")
SEVERITIES = ("info", "low", "medium", "high", "critical")
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


def rows(frame: pd.DataFrame) -> Iterator[Any]:
    """Each row of a frame as a named tuple, in order; a null is None."""
    return frame.astype(object).where(frame.notna(), None).itertuples(index=False)
