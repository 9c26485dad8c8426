"""Reconciles who knows each variable: the code, the policy, env files, examples, the platform, the ledger."""

import re
from collections.abc import Iterator
from functools import partial
from pathlib import PurePosixPath

import pandas as pd

from audit_lib.base.errors import Fault
from audit_lib.base.frames import Contract, Field, Series, Several, rows
from audit_lib.base.in_words import counted, few
from audit_lib.secrets.inventory import SECRET_KINDS, knows_production, rule_name
from audit_lib.secrets.read_project import ProjectRead
from audit_lib.secrets.sources import IN_FORCE
from audit_lib.settings import Project, variables
from audit_lib.settings.discover import service_of_variable
from audit_lib.settings.load import PLACES
from audit_lib.settings.platform_files import BLUEPRINTS

SIDE_OF = {"env file": "env files", "example": "examples", "export": "platform", "given values": "platform"}
SIDES = ("code", "policy", *dict.fromkeys(SIDE_OF.values()), "ledger")
_SERVICE = re.compile(r"(?m)^(?=[ \t]+[^\s:]+:[ \t]*$)")  # before its name, alone on a line
_IMAGE, _BUILD = (re.compile(rf"(?m)^[ \t]+{key}[ \t]*:") for key in ("image", "build"))


class Population(Contract):
    """One row for each variable of each service that any side knows. Lists of places are cut short."""

    name: Series[str]  # the policy's name of it, or its own
    service: Series[str]
    group: Series[str] = Field(isin=("secrets", "settings"))  # with identifiers; as findings list them
    declared: Series[bool]  # the policy has a rule for it, if perhaps of another service
    known_by: Series[Several]  # of SIDES
    read: Series[str] = Field(isin=("yes", "no", "unknown"))  # by the code that is here
    read_at: Series[str]
    held_at: Series[str]  # by env files, examples and the platform
    supplied: Series[str] = Field(isin=("yes", "no", "unknown"))  # by an env file or the platform
    read_reason: Series[str]  # why `read` is not known; "" if it is
    supply_reason: Series[str]  # why `supplied` is not known; "" if it is
    code_seen: Series[bool]  # code is here, and every file of it was read; the same in all rows


def tabulate_population(read: ProjectRead, code: variables.CodeRead) -> pd.DataFrame:
    """`Population`, by service and name; without what only machine and build set. A variable that the policy
    knows by other names, too, has one row."""
    project, policy, known = read.project, read.policy, [*_facts(read), *_code_facts(read, code)]
    facts = pd.DataFrame(known, columns=["service", "name", "side", "place"], dtype="str")
    facts["name"] = [rule_name(name, policy) for name in facts["name"]]
    facts = facts.sort_values("side", key=lambda sides: sides.map(SIDES.index), kind="stable")
    names = sorted(set(facts["name"]))
    own = [*PLACES, *project.exports, *(source.path for source in project.env_sources)]  # no code
    own += [*(it.pattern for it in project.evidence_sources), *(it.pattern for it in project.log_sources)]
    named_at, set_at, unread = variables.named_in(project, names, own)
    by_code = facts[facts["side"].eq("code")].groupby("name")["service"].unique()
    unread_why = {name: f"named in {at}, but not as a read that is known" for name, at in named_at.items()}
    unread_why |= {str(name): f"read by {', '.join(sorted(services))}" for name, services in by_code.items()}
    unseen, unsupplied = _unseen(project, code, unread), _unsupplied(read)
    secrets, found = _secrets(names, read), []
    for service, name, sides, places in rows(facts.groupby(["service", "name"], as_index=False).agg(list)):
        if name not in variables.NOT_CONFIGURED or {*sides} != {"code"}:
            is_read, is_held = "code" in sides, not {"env files", "platform"}.isdisjoint(sides)
            read_reason = "" if is_read else unread_why.get(name, unseen)
            nothing = unsupplied.get(service, f"nothing of {service} was supplied")
            supply_reason = "" if is_held else f"set in {set_at[name]}" if name in set_at else nothing
            found.append(
                {
                    "name": name,
                    "service": service,
                    "group": "secrets" if name in secrets else "settings",
                    "declared": policy.rule(name) is not None,
                    "known_by": tuple(dict.fromkeys(sides)),
                    "read": "yes" if is_read else "unknown" if read_reason else "no",
                    "read_at": _places(sides, places, "code"),
                    "held_at": _places(sides, places, *SIDE_OF.values()),
                    "supplied": "yes" if is_held else "unknown" if supply_reason else "no",
                    "read_reason": read_reason,
                    "supply_reason": supply_reason,
                    "code_seen": bool(code.files) and not code.unread,
                }
            )
    return Population.of(found)


def _places(sides: list[str], places: list[str], *of: str) -> str:
    return few(dict.fromkeys(it for side, it in zip(sides, places, strict=True) if side in of), 3, "; ", "; ")


def _facts(read: ProjectRead) -> list[tuple[str, ...]]:
    entries, evidence = read.entries, read.evidence
    named = entries[entries["name"].notna() & entries["kind"].isin(SIDE_OF)]
    stored = evidence[evidence["kind"].isin(("E13", "E14"))]  # what a secret store gives
    seen = ((entry, one) for entry in read.ledger.of_kind("snapshot") for one in entry.body["secrets"])
    held = [(one["service"], one["secret"], entry.place) for entry, one in seen if one["state"] == "present"]
    return [
        *((rule.service, rule.name, "policy", read.policy.name) for rule in read.policy.secrets),
        *((row.service, row.name, SIDE_OF[row.kind], f"{row.source}:{row.line}") for row in rows(named)),
        *((row.service, row.secret, "platform", row.source) for row in rows(stored)),
        *((service, name, "ledger", place) for service, name, place in held),
    ]


def _code_facts(read: ProjectRead, code: variables.CodeRead) -> Iterator[tuple[str, ...]]:
    """Each read, as of the service whose env file names the variable and is nearest above the code. Else it
    is of the policy's service, else of the folder's. What a blueprint names it gives, and reads not."""
    project, policy, entries = read.project, read.policy, read.entries
    named = entries[entries["name"].notna() & entries["source"].isin([it.path for it in project.env_sources])]
    sizes = named["source"].value_counts().to_dict()
    files = named.groupby([rule_name(name, policy) for name in named["name"]])["source"].unique()
    for name, mentions in code.variables.items():
        set_in = {*files.get(rule_name(name, policy), ())}
        rule = None if set_in else policy.rule(name)
        for one in (one for one in mentions if not variables.is_of_tests(one.path)):
            service = rule.service if rule else service_of_variable([one], set_in, sizes, project)
            side = "platform" if PurePosixPath(one.path).name in BLUEPRINTS else "code"
            yield service, name, side, f"{one.path}:{one.line}"


def _secrets(names: list[str], read: ProjectRead) -> set[str]:
    """Which are secrets: what one place holds as one, else by the policy, else by examples and name."""
    held, shown = read.inventory, read.entries[read.entries["kind"].eq("example")]
    marks = shown.dropna(subset="fingerprint").groupby("name")["fingerprint"].agg(list)
    found = set(held.loc[held["kind"].isin(SECRET_KINDS), "secret"])
    for name in set(names) - set(held["secret"]):
        forms = [variables.shape_by(partial(read.keeper.ask, mark)) for mark in marks.get(name, ())]
        rule = read.policy.rule(name)
        kind = rule.kind if rule else variables.likely_kind(name, forms, read.policy)[0]
        found |= {name} if kind == "secret" else set()
    return found


def _unseen(project: Project, code: variables.CodeRead, unread: list[Fault]) -> str:
    if not code.files:
        return "no code is here"
    images = [
        path
        for path, text in variables.texts(project, code.deployments, [])
        for service in _SERVICE.split(text)
        if _IMAGE.search(service) and not _BUILD.search(service)
    ]
    doubts = (
        (code.dynamic, "read", "without a name, first"),
        (sorted({*code.unread, *unread}), "file", "not read, first"),
        (images, "image", "with code that is not here, first in"),
    )
    return "; ".join(f"{counted(len(of), noun)} {why} {of[0]}" for of, noun, why in doubts if of)


def _unsupplied(read: ProjectRead) -> dict[str, str]:
    """For each service why not all that it gets is known, in production above all; "" if all is."""
    why, known = {}, knows_production(read.inventory)
    for service, group in read.sources[read.sources["kind"].isin(IN_FORCE)].groupby("service"):
        missing, lost = (~group["state"].isin(("read", "empty"))).sum(), group["not_understood"].sum()
        count, noun, reason = (missing, "source", "not read") if missing else (lost, "line", "not understood")
        seen = known and group["environment"].eq("production").any()
        unsaid = "" if seen else f"nothing of {service} in production was supplied"
        why[str(service)] = f"{counted(int(count), noun)} of {service} {reason}" if count else unsaid
    return why
