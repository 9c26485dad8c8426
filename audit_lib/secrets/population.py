"""Reconciles who knows each variable: the code, the policy, env files, examples, the platform, the ledger."""

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from pathlib import PurePosixPath
from typing import Any, NamedTuple

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
    Named,
    code_files,
    is_deployment,
    named_in,
    text_of,
)
from audit_lib.settings.discover import service_of_variable
from audit_lib.settings.kinds import likely_kind, shape_by
from audit_lib.settings.load import PLACES
from audit_lib.settings.platform_files import BLUEPRINTS

SHOWN = 3  # places
STORE_KINDS = ("E13", "E14")  # evidence that a secret store gives
_SIDE_OF = {"env file": "env files", "example": "examples", "export": "platform", "given values": "platform"}
_KINDS = {
    "env files": ("env file",),
    "examples": ("example",),
    "platform": ("export", "given values", "store export"),
}
_SERVICE = re.compile(r"(?m)^(?=[ \t]+[^\s:]+:[ \t]*$)")  # before its name, alone on a line
_IMAGE, _BUILD = (re.compile(rf"(?m)^[ \t]+{key}[ \t]*:") for key in ("image", "build"))
Seen = tuple[str, str]  # whole, in part or nothing, and why


class Fact(NamedTuple):
    """One place in which a side knows a variable of a service."""

    service: str
    name: str
    side: str
    place: str
    needed: bool = False  # a read without a default


def tabulate_population(
    project: Project, policy: Policy, code: CodeRead, read: ProjectRead, keeper: Keeper
) -> pd.DataFrame:
    """`Population`, by service and name; without what only machine and build set."""
    known: dict[tuple[str, str], dict[str, list[Fact]]] = defaultdict(lambda: defaultdict(list))
    readers: dict[str, set[str]] = defaultdict(set)
    for fact in _facts(project, policy, code, read):
        known[fact.service, fact.name][fact.side].append(fact)
        readers[fact.name] |= {fact.service} if fact.side == "code" else set()
    kinds = _kinds({name for _, name in known}, policy, read, keeper)
    kept = [source.path for source in project.env_sources] + [*PLACES, *project.exports]
    kept += [source.pattern for source in project.evidence_sources]
    kept += [source.pattern for source in project.log_sources]
    named = named_in(project, sorted(kinds), kept)
    unseen, unsupplied = _unseen(project, code, named), _unsupplied(read.sources)
    found = []
    for (service, name), sides in sorted(known.items()):
        if name in NOT_CONFIGURED and set(sides) == {"code"}:
            continue
        rule, held = policy.rule(name), [*sides["env files"], *sides["platform"]]
        elsewhere = f"read by {', '.join(sorted(readers[name]))}" if readers[name] else ""
        word = f"named in {named.at[name]}, but not as a read that is known" if name in named.at else ""
        is_read, read_reason = _answer(bool(sides["code"]), elsewhere, word, unseen)
        set_at = f"set in {named.set_at[name]}" if name in named.set_at else ""
        nothing = f"nothing of {service} was supplied"
        supplied, supply_reason = _answer(bool(held), set_at, unsupplied.get(service, nothing))
        row: dict[str, Any] = {side.replace(" ", "_"): len(sides[side]) for side in SIDES[2:]}
        row |= {"name": name, "service": service, "kind": kinds[name]}
        row |= {"group": "secrets" if kinds[name] == "secret" else "settings"}
        row |= {"declared": rule is not None, "declared_here": bool(rule and rule.service == service)}
        row |= {"reads": len(sides["code"]), "needed": any(fact.needed for fact in sides["code"])}
        row |= {"read_at": _few(sides["code"]), "held_at": _few([*held, *sides["examples"]])}
        row |= {"read": is_read, "read_reason": read_reason}
        found.append(row | {"supplied": supplied, "supply_reason": supply_reason})
    return Population.of(found)


def _answer(yes: bool, *doubts: str) -> tuple[str, str]:
    """Yes; else unknown, and the first doubt that there is; else no."""
    why = next(filter(None, doubts), "")
    return ("yes", "") if yes else ("unknown", why) if why else ("no", "")


def _few(facts: Iterable[Fact]) -> str:
    return few(dict.fromkeys(fact.place for fact in facts), SHOWN, "; ", "; ")


# ---- Who knows what.


def _facts(project: Project, policy: Policy, code: CodeRead, read: ProjectRead) -> Iterator[Fact]:
    for rule in policy.secrets:
        yield Fact(rule.service, rule.name, "policy", policy.name)
    for row in rows(read.entries[read.entries["name"].notna() & read.entries["kind"].isin(_SIDE_OF)]):
        name = _canonical(row.name, policy)
        yield Fact(row.service, name, _SIDE_OF[row.kind], f"{row.source}:{row.line}")
    for row in rows(read.evidence[read.evidence["kind"].isin(STORE_KINDS)]):
        yield Fact(row.service, row.secret, "platform", row.source)
    for snapshot in read.ledger.of_kind("snapshot"):
        for held in snapshot.body["secrets"]:
            if held["state"] == "present":
                yield Fact(held["service"], _canonical(held["secret"], policy), "ledger", snapshot.place)
    yield from _code_facts(project, policy, code, read.entries)


def _code_facts(project: Project, policy: Policy, code: CodeRead, entries: pd.DataFrame) -> Iterator[Fact]:
    """Each read, as of the service whose env file names the variable and is nearest above the code.

    Else it is of the policy's service, else of the folder's. What a blueprint names it gives, and reads not.
    """
    paths = {source.path for source in project.env_sources}
    named = entries[entries["name"].notna() & entries["source"].isin(paths)]
    sizes: Counter[str] = Counter(named["source"])
    files: dict[str, dict[str, int]] = defaultdict(dict)
    for name, source in zip(named["name"], named["source"], strict=True):
        files[_canonical(name, policy)][source] = sizes[source]
    for name, mentions in code.variables.items():
        rule, set_in = policy.rule(name), files.get(_canonical(name, policy), {})
        for one in mentions:
            service = rule.service if rule and not set_in else service_of_variable([one], set_in, project)
            side = "platform" if one.path.rpartition("/")[2] in BLUEPRINTS else "code"
            place = f"{one.path}:{one.line}"
            yield Fact(service, _canonical(name, policy), side, place, needed=not one.optional)


def _canonical(name: str, policy: Policy) -> str:
    rule = policy.rule(name)
    return rule.name if rule else name


def _kinds(names: Iterable[str], policy: Policy, read: ProjectRead, keeper: Keeper) -> dict[str, str]:
    """What each is: a secret if one place holds one, else by the policy, else by examples and name."""
    held = read.inventory[["secret", "kind"]].replace({"kind": {"unlisted": "secret"}})
    by_value = dict(held.sort_values("kind", ascending=False).to_numpy())
    by_value |= dict.fromkeys(held.loc[held["kind"].eq("secret"), "secret"], "secret")
    shown: dict[str, set[str]] = defaultdict(set)
    examples = read.entries[read.entries["kind"].eq("example") & read.entries["fingerprint"].notna()]
    for name, mark in zip(examples["name"], examples["fingerprint"], strict=True):
        shown[name].add(shape_by(lambda question, mark=mark: keeper.ask(mark, question)))  # type: ignore[misc]
    found = {}
    for name in names:
        rule = policy.rule(name)
        stated = rule.kind if rule else likely_kind(name, shown[name], policy)[0]
        found[name] = by_value.get(name, stated)
    return found


# ---- What keeps a "no" from being known.


def _unseen(project: Project, code: CodeRead, named: Named) -> str:
    """What may read a variable unseen; "" if nothing does."""
    why = []
    if code.dynamic:
        why.append(f"{counted(len(code.dynamic), 'read')} without a name, first {code.dynamic[0]}")
    if faults := sorted({*code.unread, *named.unread}):
        why.append(f"{counted(len(faults), 'file')} not read, first {faults[0]}")
    if not code.files:
        why.append("no code is here")
    else:
        deployed = [path for path in code_files(project) if is_deployment(PurePosixPath(path))]
        images = [path for path in deployed for _ in range(_foreign_images(text_of(project, path)))]
        if images:
            why.append(f"{counted(len(images), 'image')} with code that is not here, first in {images[0]}")
    return "; ".join(why)


def _foreign_images(text: str) -> int:
    """How many services of a compose file have an image and no `build:`."""
    return sum(bool(_IMAGE.search(block)) and not _BUILD.search(block) for block in _SERVICE.split(text))


def _unsupplied(sources: pd.DataFrame) -> dict[str, str]:
    """For each service why not all that it is supplied with is known."""
    found = {}
    for service, group in sources[sources["kind"].isin(IN_FORCE)].groupby("service"):
        missing = int((~group["state"].isin(("read", "empty"))).sum())
        lost = int(group["not_understood"].fillna(0).sum())
        why = [f"{counted(missing, 'source')} of {service} not read"] if missing else []
        why += [f"{counted(lost, 'line')} of {service} not understood"] if lost else []
        found[str(service)] = "; ".join(why)
    return found


# ---- How much of each side was seen.


def tabulate_sides(
    population: pd.DataFrame, policy: Policy, code: CodeRead, sources: pd.DataFrame, ledger: Ledger
) -> pd.DataFrame:
    """`PopulationSides`, one row for each side, in their order."""
    columns = {side: side.replace(" ", "_") for side in SIDES} | {"code": "reads", "policy": "declared_here"}
    knows = pd.DataFrame({side: population[column].astype(int).gt(0) for side, column in columns.items()})
    alone, secret = knows.sum(axis=1).eq(1), population["kind"].eq("secret")
    seen = {"code": _code_seen(code), "policy": ("whole", policy.name), "ledger": _ledger_seen(ledger)}
    seen |= {side: _of_sources(sources[sources["kind"].isin(kinds)]) for side, kinds in _KINDS.items()}
    return PopulationSides.of(
        {
            "side": side,
            "names": int(knows[side].sum()),
            "secrets": int((knows[side] & secret).sum()),
            "alone": int((knows[side] & alone).sum()),
            "seen": seen[side][0],
            "reason": seen[side][1],
        }
        for side in SIDES
    )


def _code_seen(code: CodeRead) -> Seen:
    if not code.files:
        return "nothing", "no code is here"
    said = [counted(code.files, "file")]
    said += [f"{len(code.unread)} not read, first {code.unread[0]}"] if code.unread else []
    said += (
        [f"{counted(len(code.dynamic), 'read')} without a name, first {code.dynamic[0]}"]
        if code.dynamic
        else []
    )
    return ("in part" if code.unread else "whole"), "; ".join(said)


def _of_sources(found: pd.DataFrame) -> Seen:
    read = found["state"].isin(("read", "empty"))
    if not read.any():
        return "nothing", "none was read"
    lost = int(found["not_understood"].fillna(0).sum())
    said = f"{int(read.sum())} of {len(found)} read" + (
        f"; {counted(lost, 'line')} not understood" if lost else ""
    )
    return ("whole" if read.all() and not lost else "in part"), said


def _ledger_seen(ledger: Ledger) -> Seen:
    if not ledger.entries:
        return "nothing", "it has no entry"
    snapshots = counted(len(ledger.of_kind("snapshot")), "snapshot")
    faults = len(ledger.faults) + len(ledger.lost)
    return ("in part", f"{snapshots}; {counted(faults, 'fault')}") if faults else ("whole", snapshots)
