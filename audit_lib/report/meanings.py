"""What a frame and each of its columns mean, as its contract says it: its docstring and its comments."""

import inspect
import re
from functools import cache
from io import StringIO
from tokenize import COMMENT, generate_tokens
from typing import Any

import pandas as pd

from audit_lib.base.frames import Column, Contract

_FIELD = re.compile(r"    (\w+): Series\[")
# What columns of many frames mean, if their contract says no more.
_EVERYWHERE = {
    "action": "what to do, in a word or two",
    "client": 'the address; "" if the line names none',
    "commit": "the commit, by its hash",
    "count": "how many there are in the row",
    "days_exposed_max": "days, at the most, during which the leak could be used",
    "days_exposed_min": "days, at the least, during which the leak could be used",
    "encoding": "how the value is written there: plain, base64 and so on",
    "environment": "the environment, such as production",
    "evidence": "the places that show it",
    "file": "the path of the file",
    "fingerprint": "names a value: equal for equal values, and not the value itself",
    "first_at": "the earliest instant of it",
    "guide_lines": "the lines of the guide that say so",
    "last_at": "the latest instant of it",
    "leak_id": "names the leak, the same in each report",
    "line": "the number of the line in its file",
    "max_age_days": "the limit of its age; none if it has no limit",
    "method": "GET, POST and so on",
    "not_after_at": "it was at this instant at the latest",
    "not_before_at": "it was at this instant at the earliest",
    "occurrences": "how often it was seen",
    "owner": "who answers for it",
    "path": "the path of the file",
    "place": "the place of it",
    "reason": "why, in words",
    "remedy": "what to do about it",
    "route": "the path without its query, identifiers collapsed",
    "routes": "the routes, or how many of them",
    "secret": "the name of the secret",
    "service": "the service that has it",
    "source": "the path of the file, or what else it was read from",
    "status": "of a request the answer, such as 401; of a secret how old it is against its limit",
    "step": "its place in the order",
    "subject": "what it is about",
    "successes": "answered with 2xx on protected routes",
    "text": "what is to be said of it, in words",
    "variable": "the name of the variable",
    "why": "why, in words",
}


@cache
def contract_of(columns: tuple[str, ...]) -> type[Contract] | None:
    """The contract with exactly these columns; None if no contract has them."""
    return next((one for one in Contract.__subclasses__() if tuple(one.types()) == columns), None)


def summary(contract: type[Contract]) -> str:
    """What a frame holds: the first line of its contract's docstring."""
    return (inspect.getdoc(contract) or "").partition("\n")[0]


@cache
def meanings(contract: type[Contract]) -> dict[str, str]:
    """What each column means: the comment behind it or above it, in the contract's own source."""
    said: dict[str, str] = {}
    above: list[str] = []
    source = inspect.getsource(contract)
    comments = {
        token.start[0]: token.string.lstrip("# ")
        for token in generate_tokens(StringIO(source).readline)
        if token.type == COMMENT
    }
    for number, line in enumerate(source.splitlines(), 1):
        if found := _FIELD.match(line):
            said[found[1]] = comments.get(number) or " ".join(above)
            above = []
        elif number in comments:
            above.append(comments[number])
    columns = contract.columns()
    return {name: _meaning(name, said.get(name, ""), columns[name]) for name in columns}


def _meaning(name: str, comment: str, column: Column) -> str:
    """The comment; what the column means everywhere, if that says nothing or only what a null means."""
    if comment and not comment.startswith("null"):
        return comment
    general = _words(column) or _EVERYWHERE.get(name) or name.removesuffix("_at").replace("_", " ")
    return f"{general}; {comment}" if comment else general


def _words(column: Column) -> str:
    """The words that a column is limited to; "" if it is not."""
    return f"one of: {', '.join(column.isin)}" if column.isin else ""


def tabulate_columns(frame: pd.DataFrame) -> pd.DataFrame:
    """One row for each column of a frame: `column`, `type`, `not known in`, `meaning`."""
    contract = contract_of(tuple(map(str, frame)))
    said = meanings(contract) if contract else {}  # type: ignore[arg-type]  # a class has a hash, too
    told = [
        (name, kind(frame[name]), int(frame[name].isna().sum()), said.get(name, _EVERYWHERE.get(name, "")))
        for name in map(str, frame)
    ]
    return pd.DataFrame(told, columns=["column", "type", "not known in", "meaning"])


def kind(values: "pd.Series[Any]") -> str:
    """The type of a column in words."""
    if isinstance(values.dtype, pd.DatetimeTZDtype):
        return "instant (UTC)"
    if pd.api.types.is_bool_dtype(values):
        return "yes or no"
    return "number" if pd.api.types.is_numeric_dtype(values) else "text"
