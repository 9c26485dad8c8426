"""What each side of the population knows, how many of it alone, and whether the side was seen whole."""

from collections.abc import Iterator, Mapping
from typing import Any

import pandas as pd

from audit_lib.base.in_words import counted
from audit_lib.ledger import Ledger
from audit_lib.secrets.contracts import SIDES, PopulationSides
from audit_lib.settings import Policy
from audit_lib.settings.code_reads import NOT_CONFIGURED, CodeRead

_KINDS = {
    "env files": ("env file",),
    "examples": ("example",),
    "platform": ("export", "given values", "secret store"),
}
Seen = tuple[str, str]  # whole, in part or nothing, and why


def tabulate_sides(
    population: pd.DataFrame, policy: Policy, code: CodeRead, sources: pd.DataFrame, ledger: Ledger
) -> pd.DataFrame:
    """`PopulationSides`, one row for each side, in their order."""
    knows = pd.DataFrame(
        {
            "code": population["reads"].gt(0),
            "policy": population["declared_here"],
            "env files": population["env_files"].gt(0),
            "examples": population["examples"].gt(0),
            "platform": population["platform"].gt(0),
            "ledger": population["ledger"].gt(0),
        }
    )
    seen = {"code": _code(code), "policy": ("whole", policy.name), "ledger": _ledger(ledger)}
    seen |= {side: _of_sources(sources[sources["kind"].isin(kinds)]) for side, kinds in _KINDS.items()}
    return PopulationSides.of(_rows(population, knows, seen))


def _rows(
    population: pd.DataFrame, knows: pd.DataFrame, seen: Mapping[str, Seen]
) -> Iterator[dict[str, Any]]:
    for side in SIDES:
        state, reason = seen[side]
        yield {
            "side": side,
            "names": int(knows[side].sum()),
            "secrets": int((knows[side] & population["kind"].eq("secret")).sum()),
            "alone": int((knows[side] & knows.sum(axis=1).eq(1)).sum()),
            "seen": state,
            "reason": reason,
        }


def _code(code: CodeRead) -> Seen:
    if not code.files:
        return "nothing", "no code is here"
    machine = NOT_CONFIGURED & set(code.variables)
    told = [counted(code.files, "file")]
    if code.unread:
        told.append(f"{len(code.unread)} not read, first {code.unread[0]}")
    if code.dynamic:
        told.append(f"{counted(len(code.dynamic), 'read')} without a name, first {code.dynamic[0]}")
    if machine:
        told.append(f"{counted(len(machine), 'name')} that the machine or the build sets")
    return ("in part" if code.unread else "whole"), "; ".join(told)


def _of_sources(rows: pd.DataFrame) -> Seen:
    read = rows["state"].isin(("read", "empty"))
    if not read.any():
        return "nothing", "none was read"
    lost = int(rows["not_understood"].fillna(0).sum())
    told = [f"{int(read.sum())} of {len(rows)} read"]
    told += [f"{counted(lost, 'line')} not understood"] if lost else []
    return ("whole" if read.all() and not lost else "in part"), "; ".join(told)


def _ledger(ledger: Ledger) -> Seen:
    if not ledger.entries:
        return "nothing", "it has no entry"
    told = counted(len(ledger.of_kind("snapshot")), "snapshot")
    faults = len(ledger.faults) + len(ledger.lost)
    return ("in part", f"{told}; {counted(faults, 'fault')}") if faults else ("whole", told)
