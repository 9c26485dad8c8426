"""Frames are checked by their contracts: quickly if they are right, by pandera if they may be wrong."""

import pickle
from typing import Any

import pandas as pd
import pytest
from pandera.errors import SchemaError, SchemaErrors

from audit_lib.base import contracts
from audit_lib.base.contracts.base import Contract, Field, Instant, Series, rows

ALL = [one for one in vars(contracts).values() if isinstance(one, type) and issubclass(one, Contract)]
ALL.remove(Contract)
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
WRONG: dict[str, dict[str, Any]] = {
    "twice": {"name": "a"},
    "no name": {"name": None},
    "another word": {"state": "fine"},
    "no truth": {"true": None},
    "no number": {"count": "many"},
    "half a row": {"count": 1.5},
    "no instant": {"at": "soon"},
}


def test_what_is_right_is_as_pandera_gives_it() -> None:
    """Types, order, nulls and index are those of the full validation, without asking it."""
    frame = pd.DataFrame(RIGHT, index=[7, 7])
    pd.testing.assert_frame_equal(Example.checked(frame), Example.validate(frame.reset_index(drop=True)))
    assert list(Example.checked(frame)["at"]) == [AT, pd.NaT]


@pytest.mark.parametrize("wrong", WRONG)
def test_what_is_wrong_is_refused(wrong: str) -> None:
    """A null, a second one, a word or a type that the contract does not have stops the function."""
    with pytest.raises((SchemaError, SchemaErrors)):
        Example.of([RIGHT[0], RIGHT[1] | WRONG[wrong]])


@pytest.mark.parametrize("columns", [["state", "name"], ["name"], [*RIGHT[0], "more"]])
def test_other_columns_are_refused(columns: list[str]) -> None:
    """Nothing is added, nothing is missing, and the order is the contract's."""
    with pytest.raises((SchemaError, SchemaErrors)):
        Example.checked(pd.DataFrame(RIGHT).reindex(columns=columns))


@pytest.mark.parametrize("contract", ALL, ids=lambda one: one.__name__)
def test_each_contract_can_be_checked_quickly(
    contract: type[Contract], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A frame without rows is right for every contract, and none needs the full validation for it."""
    expected = contract.validate(contract.shaped([]))
    monkeypatch.setattr(contract, "validate", None)
    pd.testing.assert_frame_equal(contract.of([]), expected)


def test_rows_leave_a_frame_that_was_handed_over_as_it_was() -> None:
    """A kernel gets its frames pickled; reading their rows, and again, changes nothing in them."""
    frame = pickle.loads(pickle.dumps(pd.DataFrame({"name": pd.Series(["a", None], dtype="str")})))
    assert [row.name for row in rows(frame)] == ["a", None]
    assert [row.name for row in rows(frame)] == ["a", None]
    assert frame["name"].isna().tolist() == [False, True]
