"""Reconciles who knows each variable: the code, the policy, env files, examples, the platform, the ledger."""

import re
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Any

import pandas as pd

from audit_lib.base.frames import rows
from audit_lib.base.in_words import counted, few
from audit_lib.ledger import Ledger
from audit_lib.secrecy.keeper import Keeper
from audit_lib.secrets.contracts import SIDES, Population, PopulationSides
from audit_lib.secrets.read_project import ProjectRead
from audit_lib.secrets.sources import IN_FORCE
from audit_lib.settings import Policy, Project
from audit_lib.settings.code_reads import (
    NOT_CONFIGURED,
    CodeRead,
    Mention,
    Named,
    code_files,
    is_deployment,
    named_in,
    text_of,
)
from audit_lib.settings.first_file import service_of_variable
from audit_lib.settings.kinds import likely_kind, shape_by
from audit_lib.settings.load import PLACES
from audit_lib.settings.platform_files import BLUEPRINTS

_IMAGE = re.compile(r"(?m)^([ \t]+)image[ \t]*:")
SHOWN = 3  # places


STORE_KINDS = ("E13", "E14", "E15")  # evidence that a secret store gives
_SIDE_OF = {"env file": "env_files", "example": "examples", "export": "platform", "given values": "platform"}


@dataclass(frozen=True, order=True)
class Key:
    """One variable of one service."""

    service: str
    name: str


@dataclass(frozen=True)
class Known:
    """What the sides know of one variable of one service: reads, and places."""

    reads: list[Mention] = field(default_factory=list)
    env_files: list[str] = field(default_factory=list)
    examples: list[str] = field(default_factory=list)
    platform: list[str] = field(default_factory=list)
    ledger: list[str] = field(default_factory=list)


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
    for service, group in sources[sources["kind"].isin(IN_FORCE)].groupby("service"):
        missing = int((~group["state"].isin(("read", "empty"))).sum())
        lost = int(group["not_understood"].fillna(0).sum())
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
) -> pd.DataFrame:
    """`Population`, by service and name."""
    known = _who_knows(project, policy, code, read)
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


def _who_knows(project: Project, policy: Policy, code: CodeRead, read: ProjectRead) -> dict[Key, Known]:
    """Each variable that a side knows, by service and name; without what only machine and build set.

    A read counts for the service whose env file names the variable and is nearest above the code, else for
    the policy's, else for that of the folder.
    """
    known: dict[Key, Known] = defaultdict(Known)
    for rule in policy.secrets:
        known.setdefault(Key(rule.service, rule.name), Known())
    for entry in rows(read.entries[read.entries["name"].notna()]):
        if side := _SIDE_OF.get(entry.kind):
            key = Key(entry.service, _canonical(entry.name, policy))
            getattr(known[key], side).append(f"{entry.source}:{entry.line}")
    for store in rows(read.evidence[read.evidence["kind"].isin(STORE_KINDS)]):
        known[Key(store.service, store.secret)].platform.append(store.source)
    for snapshot in read.ledger.of_kind("snapshot"):
        for row in snapshot.body["secrets"]:
            if row["state"] == "present":
                known[Key(row["service"], _canonical(row["secret"], policy))].ledger.append(snapshot.place)
    for mention, service in _attributed(project, policy, code, read.entries):
        sides = known[Key(service, _canonical(mention.name, policy))]
        if mention.path.rpartition("/")[2] in BLUEPRINTS:  # it gives a value, and reads none
            sides.platform.append(f"{mention.path}:{mention.line}")
        else:
            sides.reads.append(mention)
    return {key: known[key] for key in sorted(known) if not _of_the_machine(key, known[key], policy)}


def _canonical(name: str, policy: Policy) -> str:
    rule = policy.rule(name)
    return rule.name if rule else name


def _of_the_machine(key: Key, sides: Known, policy: Policy) -> bool:
    """Whether only code names a variable that the machine or the build sets."""
    given = sides.env_files or sides.examples or sides.platform or sides.ledger
    return key.name in NOT_CONFIGURED and not given and policy.rule(key.name) is None


def _attributed(
    project: Project, policy: Policy, code: CodeRead, entries: pd.DataFrame
) -> Iterator[tuple[Mention, str]]:
    """Each read with the service that it is of."""
    paths = {source.path for source in project.env_sources}
    named = entries[entries["name"].notna() & entries["source"].isin(paths)]
    sizes: Counter[str] = Counter(named["source"])
    files: dict[str, dict[str, int]] = defaultdict(dict)
    for name, source in zip(named["name"], named["source"], strict=True):
        files[_canonical(name, policy)][source] = sizes[source]
    for name, mentions in code.variables.items():
        rule, set_in = policy.rule(name), files.get(_canonical(name, policy), {})
        for mention in mentions:
            own = rule is not None and not set_in
            yield mention, rule.service if own and rule else service_of_variable([mention], set_in, project)


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
    seen = {"code": _code_seen(code), "policy": ("whole", policy.name), "ledger": _ledger_seen(ledger)}
    seen |= {side: _of_sources(sources[sources["kind"].isin(kinds)]) for side, kinds in _KINDS.items()}
    return PopulationSides.of(_side_rows(population, knows, seen))


def _side_rows(
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


def _code_seen(code: CodeRead) -> Seen:
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


def _ledger_seen(ledger: Ledger) -> Seen:
    if not ledger.entries:
        return "nothing", "it has no entry"
    told = counted(len(ledger.of_kind("snapshot")), "snapshot")
    faults = len(ledger.faults) + len(ledger.lost)
    return ("in part", f"{told}; {counted(faults, 'fault')}") if faults else ("whole", told)
