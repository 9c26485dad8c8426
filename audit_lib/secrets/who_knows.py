"""Gathers which side knows each variable: code, policy, env files, examples, platform, ledger."""

from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field

import pandas as pd

from audit_lib.base.frames import rows
from audit_lib.secrets.read_project import ProjectRead
from audit_lib.settings import Policy, Project
from audit_lib.settings.code_reads import NOT_CONFIGURED, CodeRead, Mention
from audit_lib.settings.first_file import service_of_variable
from audit_lib.settings.platform_files import BLUEPRINTS

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


def who_knows(project: Project, policy: Policy, code: CodeRead, read: ProjectRead) -> dict[Key, Known]:
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
