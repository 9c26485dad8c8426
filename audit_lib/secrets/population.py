"""Reconciles who knows each variable: the code, the policy, env files, examples, the platform, the ledger."""

import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import PurePosixPath
from typing import Any

import pandas as pd

from audit_lib.base.in_words import counted, few
from audit_lib.secrecy.keeper import Keeper
from audit_lib.secrets.contracts import Population
from audit_lib.secrets.read_project import ProjectRead
from audit_lib.secrets.sources import IN_FORCE
from audit_lib.secrets.who_knows import Key, Known, who_knows
from audit_lib.settings import Policy, Project
from audit_lib.settings.code_reads import CodeRead, Named, code_files, is_deployment, named_in, text_of
from audit_lib.settings.kinds import likely_kind, shape_by
from audit_lib.settings.load import PLACES

_IMAGE = re.compile(r"(?m)^([ \t]+)image[ \t]*:")
SHOWN = 3  # places
LastUse = tuple[datetime | None, str]  # when, and what shows it or why it is not known


@dataclass(frozen=True)
class Doubts:
    """What keeps a "no" from being known."""

    named: Named
    unseen: str  # what may read a variable unseen; "" if nothing does
    services: Mapping[str, str]  # why not everything that a service is supplied with is known; "" if it is

    @classmethod
    def of(cls, project: Project, code: CodeRead, sources: pd.DataFrame, names: Collection[str]) -> "Doubts":
        """The doubts about these names."""
        kept = [source.path for source in project.env_sources] + [*PLACES]
        kept += [source.pattern for source in project.evidence_sources]
        kept += [source.pattern for source in project.log_sources]
        named = named_in(project, names, [*kept, *project.exports])
        seen = (_dynamic(code), _unread(code, named), _elsewhere(project, code))
        return cls(named, "; ".join(filter(None, seen)), _unsupplied(sources))

    def read(self, name: str, *, reads: bool, elsewhere: Collection[str]) -> tuple[str, str]:
        """Whether the code of a service reads a variable, and why that is not known."""
        if reads:
            return "yes", ""
        if elsewhere:
            return "unknown", f"read by {', '.join(sorted(elsewhere))}"
        if name in self.named.at:
            return "unknown", f"named in {self.named.at[name]}, but not as a read that is known"
        return ("unknown", self.unseen) if self.unseen else ("no", "")

    def supplied(self, service: str, name: str, *, held: bool) -> tuple[str, str]:
        """Whether a variable is supplied to a service, and why that is not known."""
        if held:
            return "yes", ""
        if name in self.named.set_at:
            return "unknown", f"set in {self.named.set_at[name]}"
        why = self.services.get(service, f"nothing of {service} was supplied")
        return ("unknown", why) if why else ("no", "")


def _dynamic(code: CodeRead) -> str:
    many = len(code.dynamic)
    return f"{counted(many, 'read')} without a name, first {code.dynamic[0]}" if many else ""


def _unread(code: CodeRead, named: Named) -> str:
    faults = sorted({*code.unread, *named.unread})
    return f"{counted(len(faults), 'file')} not read, first {faults[0]}" if faults else ""


def _elsewhere(project: Project, code: CodeRead) -> str:
    """Code that runs and is not here: that of an image, or all of it."""
    if not code.files:
        return "no code is here"
    deployed = (path for path in code_files(project) if is_deployment(PurePosixPath(path)))
    images = [f"{path}:{line}" for path in deployed for line in _images(text_of(project, path))]
    return f"{counted(len(images), 'image')} with code that is not here, first {images[0]}" if images else ""


def _images(text: str) -> list[int]:
    """The line of each `image:` of a compose file without a `build:` beside it."""
    lines = text.splitlines()
    found = []
    for match in _IMAGE.finditer(text):
        number = text.count("\n", 0, match.start())
        if not any(line.startswith(f"{match[1]}build") for line in _block(lines, number, len(match[1]))):
            found.append(number + 1)
    return found


def _block(lines: list[str], number: int, indent: int) -> list[str]:
    """The lines around one that are indented at least as far."""

    def inside(line: str) -> bool:
        return not line.strip() or len(line) - len(line.lstrip()) >= indent

    first, last = number, number
    while first > 0 and inside(lines[first - 1]):
        first -= 1
    while last + 1 < len(lines) and inside(lines[last + 1]):
        last += 1
    return lines[first : last + 1]


def _unsupplied(sources: pd.DataFrame) -> dict[str, str]:
    """For each service why not all that it is supplied with is known."""
    found = {}
    for service, rows in sources[sources["kind"].isin(IN_FORCE)].groupby("service"):
        missing = int((~rows["state"].isin(("read", "empty"))).sum())
        lost = int(rows["not_understood"].fillna(0).sum())
        why = (
            f"{counted(missing, 'source')} of {service} not read" if missing else "",
            f"{counted(lost, 'line')} of {service} not understood" if lost else "",
        )
        found[str(service)] = "; ".join(filter(None, why))
    return found


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
    return few(dict.fromkeys(places), SHOWN, "; ", "; ")


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
