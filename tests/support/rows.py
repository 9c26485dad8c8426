"""Rows of tables for tests: one without fault of each table that a check looks at, and rows filled up."""

import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pandas as pd

import audit_lib.audit  # noqa: F401  with it every contract is known
from audit_lib.base.frames import Contract, Series

NOW = pd.Timestamp("2026-09-30", tz="UTC")
CONTRACTS = {
    contract.__name__: contract
    for base in Contract.__subclasses__()
    for contract in (base, *base.__subclasses__())
}
_EMPTY = {"str": "", "bool": False, "int64": 0, "object": (), "datetime64[us, UTC]": NOW}


def data(path: Path) -> dict[str, Any]:
    """A file of rows in TOML; a list in it is a tuple, and `null` names what is not known in a row."""
    return {name: _cell(held) for name, held in tomllib.loads(path.read_text("utf-8")).items()}


def _cell(held: Any) -> Any:
    if isinstance(held, dict):
        unknown = dict.fromkeys(held.get("null", ()))
        return {name: _cell(one) for name, one in held.items() if name != "null"} | unknown
    return tuple(map(_cell, held)) if isinstance(held, list) else held


def _like(table: str, row: Mapping[str, Any]) -> type[Contract]:
    """The contract of a table that has none: columns of the types of a row."""
    kinds = {name: Series[type(held)] for name, held in row.items()}  # type: ignore[misc]
    return type(_class_name(table), (Contract,), {"__annotations__": kinds})


def _class_name(table: str) -> str:
    return "".join(map(str.capitalize, {"entries": "env_entries"}.get(table, table).split("_")))


TABLES: Mapping[str, tuple[type[Contract], dict[str, Any]]] = {
    table: (CONTRACTS.get(_class_name(table)) or _like(table, row), row)
    for table, row in data(Path(__file__).with_suffix(".toml")).items()
}


def contract_of(table: str) -> type[Contract]:
    """The contract of a table, whose name is the table's."""
    return TABLES[table][0] if table in TABLES else CONTRACTS[_class_name(table)]


_MADE: dict[str, pd.DataFrame] = {}  # the same rows are asked for hundreds of times, and judged each time


def rows_of(table: str, *changes: Mapping[str, Any]) -> pd.DataFrame:
    """The table by its contract, with one row for each change to the row without fault."""
    key = f"{table} {changes!r}"
    if key not in _MADE:
        contract, row = TABLES[table]
        _MADE[key] = contract.of({**row, **change} for change in changes)
    return _MADE[key].copy()


def filled(contract: type[Contract], rows: Iterable[Mapping[str, Any]]) -> pd.DataFrame:
    """The rows as a frame; a column that they leave out and that cannot be null holds "", no, zero or now."""
    types = {name: str(column.type) for name, column in contract.columns.items() if not column.nullable}
    blank = {name: _EMPTY[kind] for name, kind in types.items() if kind in _EMPTY}
    return contract.of({**blank, **row} for row in rows)
