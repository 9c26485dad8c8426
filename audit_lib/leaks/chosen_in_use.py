"""Passwords that somebody may have chosen, for findings: those in use by name, the others as one."""

from collections.abc import Collection, Iterable
from typing import Any

import pandas as pd

from audit_lib.base.frames import rows
from audit_lib.leaks.chosen_passwords import Chosen
from audit_lib.leaks.contracts import ChosenPasswords
from audit_lib.leaks.kinds_of_files import deploys
from audit_lib.leaks.leaked_secrets import MOST_PLACES, first_places

ELSEWHERE = "tests, examples and documents"


def where_in_use(
    sightings: pd.DataFrame,
    targets: pd.DataFrame,
    chosen: Iterable[Chosen],
    counted: Collection[tuple[str, int]],
) -> pd.DataFrame:
    """`Sightings` without those of a default in a test, a document or a comment: counted and not listed."""
    possible = set(targets.loc[targets["kind"] == "possible", "fingerprint"])
    defaults = possible.intersection(one.fingerprint for one in chosen if one.default)
    there = pd.Series(zip(sightings["path"], sightings["line"], strict=True), sightings.index, dtype=object)
    idle = ~sightings["path"].map(deploys).astype(bool) | there.isin(set(counted))
    return sightings[~(idle & sightings["fingerprint"].isin(defaults))]


def tabulate_chosen_passwords(leaks: pd.DataFrame, places: pd.DataFrame) -> pd.DataFrame:
    """`ChosenPasswords`: what a file that deploys holds, in the order of `Leaks`; all others in one row."""
    possible = leaks[leaks["kind"] == "possible"]
    in_use = places[places["path"].map(deploys).astype(bool)]
    by_name: dict[str, list[str]] = {}
    for leak in rows(possible[possible["leak_id"].isin(in_use["leak_id"])]):
        by_name.setdefault(leak.variable, []).append(leak.leak_id)
    rest = list(possible.loc[~possible["leak_id"].isin(in_use["leak_id"]), "leak_id"])
    found = [_row(name, leak_ids, in_use, in_use=True) for name, leak_ids in by_name.items()]
    return ChosenPasswords.of([*found, *([_row(ELSEWHERE, rest, places, in_use=False)] if rest else [])])


def _row(variable: str, leak_ids: list[str], places: pd.DataFrame, *, in_use: bool) -> dict[str, Any]:
    more = len(leak_ids) - MOST_PLACES
    return {
        "variable": variable,
        "deploys": in_use,
        "values": len(leak_ids),
        "leak_ids": ", ".join(leak_ids[:MOST_PLACES]) + (f" and {more} more" if more > 0 else ""),
        "places": first_places(places[places["leak_id"].isin(leak_ids)]),
    }
