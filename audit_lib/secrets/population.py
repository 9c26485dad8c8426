"""Reconciles who knows each variable: the code, the policy, env files, examples, the platform, the ledger."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

import pandas as pd

from audit_lib.base.contracts import Population
from audit_lib.project import Project
from audit_lib.project.likely_kind import likely_kind, shape_by
from audit_lib.project.policy import Policy
from audit_lib.project.variables import CodeRead
from audit_lib.secrecy.keeper import Keeper
from audit_lib.secrets.population_doubts import Doubts
from audit_lib.secrets.read_project import ProjectRead
from audit_lib.secrets.who_knows import Key, Known, who_knows

SHOWN = 3  # places
LastUse = tuple[datetime | None, str]  # when, and what shows it or why it is not known


def tabulate_population(
    project: Project,
    policy: Policy,
    code: CodeRead,
    read: ProjectRead,
    keeper: Keeper,
    *,
    last_uses: Mapping[str, LastUse],
) -> pd.DataFrame:
    """`Population`, by service and name. `last_uses` are of the secrets that callers send."""
    known = who_knows(project, policy, code, read)
    kinds = _kinds(known, policy, read, keeper)
    doubts = Doubts.of(project, code, read.sources, sorted(kinds))
    readers: dict[str, set[str]] = defaultdict(set)
    for key, sides in known.items():
        readers[key.name] |= {key.service} if sides.reads else set()
    return Population.of(
        {
            **_sides(key, sides, policy),
            **_answers(key, sides, doubts, readers[key.name]),
            "kind": kinds[key.name],
            "group": "secrets" if kinds[key.name] == "secret" else "settings",
            "last_used_at": last_uses.get(key.name, (None, ""))[0],
            "last_use": last_uses.get(key.name, (None, ""))[1],
        }
        for key, sides in known.items()
    )


def _sides(key: Key, sides: Known, policy: Policy) -> dict[str, Any]:
    """What each side knows of one variable."""
    rule = policy.rule(key.name)
    return {
        "name": key.name,
        "service": key.service,
        "declared": rule is not None,
        "declared_here": rule is not None and rule.service == key.service,
        "reads": len(sides.reads),
        "needed": any(not one.optional for one in sides.reads),
        "read_at": _few(f"{one.path}:{one.line}" for one in sides.reads),
        "env_files": len(sides.env_files),
        "examples": len(sides.examples),
        "platform": len(sides.platform),
        "ledger": len(sides.ledger),
        "held_at": _few((*sides.env_files, *sides.platform, *sides.examples)),
    }


def _answers(key: Key, sides: Known, doubts: Doubts, readers: set[str]) -> dict[str, str]:
    """Whether one variable is read and supplied, and why that is not known."""
    read, read_reason = doubts.read(key.name, reads=bool(sides.reads), elsewhere=readers)
    held = bool(sides.env_files or sides.platform)
    supplied, supply_reason = doubts.supplied(key.service, key.name, held=held)
    return {"read": read, "read_reason": read_reason, "supplied": supplied, "supply_reason": supply_reason}


def _few(places: Iterable[str]) -> str:
    several = list(dict.fromkeys(places))
    more = len(several) - SHOWN
    return "; ".join(several[:SHOWN]) + (f"; {more} more" if more > 0 else "")


def _kinds(known: Iterable[Key], policy: Policy, read: ProjectRead, keeper: Keeper) -> dict[str, str]:
    """What each is: a secret if one place holds one, else by the policy, else by examples and name."""
    held = read.inventory[["secret", "kind"]].replace({"kind": {"unlisted": "secret"}}).drop_duplicates()
    by_value = dict(held.sort_values("kind", ascending=False)[["secret", "kind"]].to_numpy())
    by_value |= dict.fromkeys(held.loc[held["kind"].eq("secret"), "secret"], "secret")
    shapes: dict[str, set[str]] = defaultdict(set)
    shown = read.entries[read.entries["kind"].eq("example") & read.entries["fingerprint"].notna()]
    for name, mark in zip(shown["name"], shown["fingerprint"], strict=True):
        shapes[name].add(shape_by(lambda question, mark=mark: keeper.ask(mark, question)))  # type: ignore[misc]
    found = {}
    for name in {key.name for key in known}:
        rule = policy.rule(name)
        stated = rule.kind if rule else likely_kind(name, shapes[name], policy)[0]
        found[name] = "secret" if by_value.get(name) == "secret" else by_value.get(name, stated)
    return found
