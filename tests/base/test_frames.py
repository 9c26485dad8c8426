"""Frames are checked by their contracts: what is right is coerced, what is wrong stops its function."""

import pickle
from typing import Any

import pandas as pd
import pytest

from audit_lib.base.frames import Contract, ContractBroken, Field, Instant, Series, rows

AT = pd.Timestamp("2026-08-01T10:00:00.123456Z")


class Example(Contract):
    """A column of each kind."""

    name: Series[str] = Field(unique=True)
    state: Series[str] = Field(isin=("good", "bad"), nullable=True)
    count: Series[pd.Int64Dtype] = Field(nullable=True)
    share: Series[float] = Field(nullable=True)
    true: Series[bool]
    at: Series[Instant] = Field(nullable=True)


RIGHT = [
    {"name": "a", "state": "good", "count": 1, "share": 0.5, "true": True, "at": AT},
    {"name": "b", "state": None, "count": None, "share": None, "true": False, "at": None},
]
TYPES = {name: column.type for name, column in Example.columns.items()}
# Named twice, without a name, another word, no truth, no number, half a row, no instant.
WRONG: list[dict[str, Any]] = [
    {"name": "a"}, {"name": None}, {"state": "fine"}, {"true": None}, {"count": "many"}, {"count": 1.5},
    {"at": "soon"},
]  # fmt: skip


def test_what_is_right_is_coerced() -> None:
    """A right frame has the contract's types and order, also without a row, its nulls and a fresh index."""
    checked = Example.checked(pd.DataFrame(RIGHT, index=[7, 7]))
    assert dict(checked.dtypes) == dict(Example.of([]).dtypes) == TYPES
    assert list(checked["at"]) == [AT, pd.NaT]
    assert checked["state"].isna().tolist() == [False, True]
    assert list(checked.index) == [0, 1]


def test_what_is_wrong_is_refused() -> None:
    """A null, a second one, a word or a type that the contract does not have stops the function."""
    for wrong in WRONG:
        with pytest.raises(ContractBroken):
            Example.of([RIGHT[0], RIGHT[1] | wrong])
    for columns in (["state", "name"], ["name"], [*RIGHT[0], "more"]):
        with pytest.raises(ContractBroken):
            Example.checked(pd.DataFrame(RIGHT).reindex(columns=columns))


def test_rows_leave_a_frame_that_was_handed_over_as_it_was() -> None:
    """A kernel gets its frames pickled; reading their rows, and again, changes nothing in them."""
    frame = pickle.loads(pickle.dumps(pd.DataFrame({"name": pd.Series(["a", None], dtype="str")})))
    assert [[row.name for row in rows(frame)] for _ in range(2)] == [["a", None]] * 2
    assert frame["name"].isna().tolist() == [False, True]
