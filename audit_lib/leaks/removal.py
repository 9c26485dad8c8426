"""Searches for one replaced value in all of a project: before anybody says that it was removed."""

from dataclasses import dataclass
from typing import Any

import pandas as pd

from audit_lib.base.frames import rows
from audit_lib.leaks.contracts import LeakTargets
from audit_lib.leaks.search import search_leaks
from audit_lib.leaks.targets import weakness
from audit_lib.secrecy.keeper import Keeper
from audit_lib.settings import Project

_PARTS = ("git objects", "files")


@dataclass(frozen=True)
class RemovalSearch:
    """Where a value still is, and whether everything was searched for it."""

    places: tuple[str, ...]
    whole: bool
    searched: str  # in words: how much was, and what was not


def search_removed(project: Project, keeper: Keeper, fingerprint: str, variable: str) -> RemovalSearch:
    """The search for a value that the keeper holds, in every form, in git, files, logs and bundles.

    It is whole if nothing was left out. A folder without a repository has no history to search.
    """
    weak = weakness(fingerprint, keeper)
    target = {
        "fingerprint": fingerprint,
        "variable": variable,
        "names": variable,
        "in_force": "",
        "kind": "leak",
        "searched": "beside its name" if weak else "everywhere",
        "reason": weak,
    }
    found = search_leaks(project, keeper, LeakTargets.of([target]))
    places = dict.fromkeys(_place(row) for row in rows(found.sightings))
    told = _searched(found.coverage) + (f"; beside its name alone, since it {weak}" if weak else "")
    return RemovalSearch(tuple(places), not weak and _whole(found.coverage), told)


def _place(row: Any) -> str:
    line = "" if row.line is None else f":{row.line}"
    commit = f" in {row.commit[:12]}" if row.commit else ""
    return f"{row.place}: {row.path}{line}{commit}"


def _searched(coverage: pd.DataFrame) -> str:
    mine = coverage[coverage["part"].isin(_PARTS)]
    all_of = mine["place"].isin((".", ".git"))
    counts = mine[all_of].groupby("part")["count"].sum()
    told = " and ".join(f"{int(counts.get(part, 0)):,} {part}" for part in _PARTS)
    left = int((~all_of).sum())
    return told + (f"; {left:,} not searched" if left else "")


def _whole(coverage: pd.DataFrame) -> bool:
    mine = coverage[coverage["part"].isin(_PARTS)]
    bare = mine["reason"].eq("the project is not a git repository")
    return bool((mine["state"].eq("searched") | bare).all())
