"""Reconciles who knows each variable: the code, the policy, env files, examples, the platform, the ledger."""

import re
from collections import Counter, defaultdict
from collections.abc import Iterator
from functools import partial
from pathlib import PurePosixPath
from typing import cast

import pandas as pd

from audit_lib.base.frames import rows
from audit_lib.base.in_words import counted, few
from audit_lib.secrecy.keeper import Keeper
from audit_lib.secrets.contracts import SIDES, Population
from audit_lib.secrets.inventory import rule_name
from audit_lib.secrets.read_project import ProjectRead
from audit_lib.secrets.sources import IN_FORCE
from audit_lib.settings import Policy, Project, code_reads
from audit_lib.settings.discover import service_of_variable
from audit_lib.settings.kinds import likely_kind, shape_by
from audit_lib.settings.load import PLACES
from audit_lib.settings.platform_files import BLUEPRINTS

SHOWN = 3  # places
STORE_KINDS = ("E13", "E14")  # evidence that a secret store gives
SOURCES_OF = {
    "env files": ("env file",),
    "examples": ("example",),
    "platform": ("export", "given values", "store export"),
}
_SERVICE = re.compile(r"(?m)^(?=[ \t]+[^\s:]+:[ \t]*$)")  # before its name, alone on a line
_IMAGE, _BUILD = (re.compile(rf"(?m)^[ \t]+{key}[ \t]*:") for key in ("image", "build"))
Fact = tuple[str, str, str, str]  # service, name, side, place


def tabulate_population(
    project: Project, policy: Policy, code: code_reads.CodeRead, read: ProjectRead, keeper: Keeper
) -> pd.DataFrame:
    """`Population`, by service and name; without what only machine and build set."""
    known = [*_facts(policy, read), *_code_facts(project, policy, code, read.entries)]
    facts = pd.DataFrame(known, columns=["service", "name", "side", "place"], dtype="str")
    facts["name"] = [rule_name(name, policy) for name in facts["name"]]
    names = sorted(set(facts["name"]))
    secrets = _secrets(names, policy, read, keeper)
    # Files that are read as what they are, and so are no code.
    own = [source.path for source in project.env_sources] + [*PLACES, *project.exports]
    own += [source.pattern for source in project.evidence_sources]
    own += [source.pattern for source in project.log_sources]
    named = code_reads.named_in(project, names, own)
    readers = facts[facts["side"].eq("code")].groupby("name")["service"].unique().map(sorted).map(", ".join)
    unseen, unsupplied = _unseen(project, code, named), _unsupplied(read.sources)
    found = []
    for key, places in facts.groupby(["service", "name"]):
        service, name = map(str, cast(tuple[str, str], key))
        sides = tuple(side for side in SIDES if side in set(places["side"]))
        if name in code_reads.NOT_CONFIGURED and sides == ("code",):
            continue
        elsewhere = f"read by {readers[name]}" if name in readers else ""
        word = f"named in {named.at[name]}, but not as a read that is known" if name in named.at else ""
        is_read, read_reason = _answer("code" in sides, elsewhere, word, unseen)
        set_at = f"set in {named.set_at[name]}" if name in named.set_at else ""
        nothing = unsupplied.get(service, f"nothing of {service} was supplied")
        is_held = not {"env files", "platform"}.isdisjoint(sides)
        supplied, supply_reason = _answer(is_held, set_at, nothing)
        found.append(
            {
                "name": name,
                "service": service,
                "group": "secrets" if name in secrets else "settings",
                "declared": policy.rule(name) is not None,
                "known_by": sides,
                "read": is_read,
                "read_at": few(places.loc[places["side"].eq("code"), "place"].unique(), SHOWN, "; ", "; "),
                "held_at": few(
                    places.loc[places["side"].isin(SOURCES_OF), "place"].unique(), SHOWN, "; ", "; "
                ),
                "supplied": supplied,
                "read_reason": read_reason,
                "supply_reason": supply_reason,
                "code_seen": bool(code.files) and not code.unread,
            }
        )
    return Population.of(found)


def _answer(yes: bool, *doubts: str) -> tuple[str, str]:
    """Yes; else unknown, and the first doubt that there is; else no."""
    why = next(filter(None, doubts), "")
    return ("yes", "") if yes else ("unknown", why) if why else ("no", "")


def _facts(policy: Policy, read: ProjectRead) -> Iterator[Fact]:
    """What policy, sources, stores and ledger name."""
    for rule in policy.secrets:
        yield rule.service, rule.name, "policy", policy.name
    for side, kinds in SOURCES_OF.items():
        for row in rows(read.entries[read.entries["name"].notna() & read.entries["kind"].isin(kinds)]):
            yield row.service, row.name, side, f"{row.source}:{row.line}"
    for row in rows(read.evidence[read.evidence["kind"].isin(STORE_KINDS)]):
        yield row.service, row.secret, "platform", row.source
    for snapshot in read.ledger.of_kind("snapshot"):
        for held in snapshot.body["secrets"]:
            if held["state"] == "present":
                yield held["service"], held["secret"], "ledger", snapshot.place


def _code_facts(
    project: Project, policy: Policy, code: code_reads.CodeRead, entries: pd.DataFrame
) -> Iterator[Fact]:
    """Each read, as of the service whose env file names the variable and is nearest above the code.

    Else it is of the policy's service, else of the folder's. What a blueprint names it gives, and reads not.
    """
    paths = {source.path for source in project.env_sources}
    named = entries[entries["name"].notna() & entries["source"].isin(paths)]
    sizes: Counter[str] = Counter(named["source"])
    files: dict[str, dict[str, int]] = defaultdict(dict)
    for name, source in zip(named["name"], named["source"], strict=True):
        files[rule_name(name, policy)][source] = sizes[source]
    for name, mentions in code.variables.items():
        rule, set_in = policy.rule(name), files.get(rule_name(name, policy), {})
        for one in mentions:
            service = rule.service if rule and not set_in else service_of_variable([one], set_in, project)
            side = "platform" if PurePosixPath(one.path).name in BLUEPRINTS else "code"
            yield service, name, side, f"{one.path}:{one.line}"


def _secrets(names: list[str], policy: Policy, read: ProjectRead, keeper: Keeper) -> set[str]:
    """Which are secrets: what one place holds as one, else by the policy, else by examples and name."""
    held = read.inventory
    found = set(held.loc[held["kind"].isin(("secret", "unlisted")), "secret"])
    examples = read.entries[read.entries["kind"].eq("example") & read.entries["fingerprint"].notna()]
    for name in set(names) - set(held["secret"]):
        rule, marks = policy.rule(name), examples.loc[examples["name"].eq(name), "fingerprint"]
        forms = [shape_by(partial(keeper.ask, mark)) for mark in marks]
        kind = rule.kind if rule else likely_kind(name, forms, policy)[0]
        found |= {name} if kind == "secret" else set()
    return found


# ---- What keeps a "no" from being known ----


def _unseen(project: Project, code: code_reads.CodeRead, named: code_reads.Named) -> str:
    """What may read a variable unseen; "" if nothing does."""
    if not code.files:
        return "no code is here"
    images = [
        path
        for path in code.deployments
        for service in _SERVICE.split(code_reads.text_of(project, path))
        if _IMAGE.search(service) and not _BUILD.search(service)
    ]
    doubts = (
        (code.dynamic, "read", "without a name, first"),
        (sorted({*code.unread, *named.unread}), "file", "not read, first"),
        (images, "image", "with code that is not here, first in"),
    )
    return "; ".join(f"{counted(len(of), noun)} {why} {of[0]}" for of, noun, why in doubts if of)


def _unsupplied(sources: pd.DataFrame) -> dict[str, str]:
    """For each service why not all that it is supplied with is known."""
    found = {}
    for service, group in sources[sources["kind"].isin(IN_FORCE)].groupby("service"):
        missing = int((~group["state"].isin(("read", "empty"))).sum())
        lost = int(group["not_understood"].sum())
        why = [f"{counted(missing, 'source')} of {service} not read"] if missing else []
        why += [f"{counted(lost, 'line')} of {service} not understood"] if lost else []
        found[str(service)] = "; ".join(why)
    return found
