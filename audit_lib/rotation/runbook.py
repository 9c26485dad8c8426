"""What a rotation touches, and its steps in order: from runbook.toml, the policy and what is in place."""

import fnmatch
import re
import shlex
import tomllib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple

import pandas as pd

from audit_lib.base.cache import user_cache
from audit_lib.base.clock import iso
from audit_lib.base.errors import BadInput
from audit_lib.base.frames import rows
from audit_lib.base.in_words import nearest
from audit_lib.leaks.find_leaks import find_leaks
from audit_lib.leaks.search import LeakOptions
from audit_lib.leaks.tables import IN_FORCE, SECRETS, LeakAudit, Purge, purge_of
from audit_lib.ledger.timeline import SecretPlace, tenures
from audit_lib.rotation.progress import Progress, RotationRead, Store, rotation_progress
from audit_lib.secrets.inventory import DEVELOPMENT, knows_production
from audit_lib.secrets.loaders import BY_HAND, is_named
from audit_lib.secrets.read_project import ProjectRead
from audit_lib.settings import ENVIRONMENTS, Project, SecretRule

_BOOK = tomllib.loads(Path(__file__).with_name("runbook.toml").read_text("utf-8"))  # two orders, and steps
_FILLED = r"^(?![ \t]*#).*\$\{{?{}\b"  # a line, but no comment, of a compose file into which a variable goes
_EDITED = {"unseen": "", "entered": "", "unlisted": True}  # as by the owner: no command writes YAML
_KEPT = ("secret", "unlisted")  # of an identifier or a setting nothing is revoked


class RunbookStep(NamedTuple):
    """One step: what to do and where, what to type, how to see that it worked, what it breaks."""

    name: str
    environment: str  # "" for one that is done once
    service: str  # that must start anew; "" for any other step
    text: str
    verify: str
    command: str = ""  # of several lines
    breaks: str = ""


@dataclass(frozen=True)
class RotationPlan:
    """What is to be rotated and what was read for it. Holds no value: the keeper does."""

    project: Project
    rules: tuple[SecretRule, ...]  # all that must change: the secret first, then its twins, then its partners
    twins: frozenset[str]  # the secret, and what must hold the same value
    stores: tuple[Store, ...]
    read: RotationRead
    environment: str = ""  # the only one; "" for all
    purge: Purge | None = None  # of a compromised value: what must be taken out of the history

    @property
    def mode(self) -> str:
        """The order of runbook.toml: `compromised` for a plan by leaks, else `scheduled`."""
        return "scheduled" if self.purge is None else "compromised"

    @property
    def steps(self) -> tuple[RunbookStep, ...]:
        """What to do, in order: development first, or production if others have the value."""
        order = _BOOK[self.mode]
        steps = list(_phase(order["first"], self, ""))
        for environment in ENVIRONMENTS[:: 1 if self.purge is None else -1]:
            if stores := tuple(store for store in self.stores if store.place.environment == environment):
                steps += _phase(order["in_each_environment"], replace(self, stores=stores), environment)
        return tuple(dict.fromkeys((*steps, *_phase(order["last"], self, ""))))  # a value in each place: once

    def progress(self, since: datetime) -> Progress:
        """What is done, of a rotation that began at an instant."""
        return rotation_progress(self.stores, self.read, since, revocable=self.rules[0].kind in _KEPT)


def plan_rotation(
    secret: str, found: ProjectRead, environment: str = "", *, compromised: bool = False
) -> RotationPlan:
    """The plan as of the instant of what was read; for a compromised value all of the project is searched.

    `BadInput` for a secret, a file or a ledger that cannot be used."""
    read = found.project, found.keeper, found.policy, found.entries, found.inventory
    leaks = (
        find_leaks(*read, stays=tenures(found.ledger), options=LeakOptions(cache=user_cache()))
        if compromised
        else None
    )
    return plan_of(secret, found, environment, leaks)


def plan_of(
    secret: str, found: ProjectRead, environment: str = "", leaks: LeakAudit | None = None
) -> RotationPlan:
    """The plan for a project that was read, in one environment or in all. With `leaks` the value is
    compromised: the places alone that have, or had, a value that leaked or is shown, and what is not known
    beside them; all, if nobody knows where it was. `BadInput` for a variable that nothing knows."""
    policy, inventory, rule = found.policy, found.inventory, found.policy.rule(secret)
    if rule is None and not (inventory["secret"] == secret).any():
        near = nearest(secret, {*(other.name for other in policy.secrets), *inventory["secret"]})
        raise BadInput.at("SECRET", f"must be a variable of the policy or the project{near}")
    rule = rule or SecretRule(name=secret, service="", kind="unlisted", required="")
    others = [other for other in policy.secrets if other.name != rule.name]
    twins = [other for other in others if other.name in rule.equals or rule.name in other.equals]
    partners = [one for one in others if one.name in rule.rotates_with or rule.name in one.rotates_with]
    rules = (rule, *twins, *(one for one in partners if one not in twins))
    plan = RotationPlan(
        found.project,
        rules,
        twins=frozenset((rule.name, *(twin.name for twin in twins))),
        stores=tuple(_stores({one.name for one in rules}, inventory, environment)),
        read=RotationRead(found.as_of, inventory, found.ledger),
        environment=environment,
    )
    return plan if leaks is None else _compromised(plan, leaks)


def _compromised(plan: RotationPlan, leaks: LeakAudit) -> RotationPlan:
    """The part of a plan whose values leaked, past and present, by value or by name; and what to purge."""
    read, stores, found = plan.read, plan.stores, leaks.leaks[leaks.leaks["kind"].isin(SECRETS)]
    values = {store.fingerprint for store in stores} | {
        one.fingerprint for one in read.stays if one.home in {store.place for store in stores}
    }
    names = {name for rule in plan.rules for name in (rule.name, *rule.aliases)}
    own = found["fingerprint"].isin(values - {None})
    is_known = None not in values and own.any()  # else any that leaked under its name may be in force
    mine = found[own if is_known else own | found["variable"].isin(names)]
    leaked = set(mine["fingerprint"].dropna())
    held = {
        *(stay.home for stay in read.stays if stay.fingerprint in leaked),
        *(store.place for store in stores if not leaked or store.fingerprint in leaked),
    }
    near = {place.environment for place in held} or ENVIRONMENTS
    # What is not known may have leaked, and a partner changes with what did.
    beside = {None, *(store.fingerprint for store in stores if store.place.secret not in plan.twins)}
    held |= {one.place for one in stores if one.fingerprint in beside and one.place.environment in near}
    items, weak = read.inventory, leaks.leaks.loc[leaks.leaks["force"].eq(IN_FORCE), "fingerprint"]
    shown = items[["placeholder", "template", "compromised"]].eq(True).any(axis=1) | items["whole"].isin(weak)
    held |= {store.place for store in stores if store.fingerprint in {*items.loc[shown, "fingerprint"]}}
    purge = purge_of(plan.project, leaks.places[leaks.places["leak_id"].isin(mine["leak_id"])])
    purge = purge if is_known or None in values else replace(purge, elsewhere=(), commands=())
    return replace(plan, stores=tuple(store for store in stores if store.place in held), purge=purge)


def _stores(names: Iterable[str], inventory: pd.DataFrame, environment: str) -> Iterator[Store]:
    platforms = set(inventory.loc[inventory["origin"].isin(("export", "given values")), "source"])
    mine = inventory[inventory["secret"].isin(names)]
    mine = mine[mine["environment"].eq(environment)] if environment else mine
    # Beside a production that is known, a development of which nothing is here may not even exist.
    away = mine["environment"].isin(DEVELOPMENT if knows_production(mine) else ())
    here = mine[mine["state"].ne("missing") & ~(away & mine["state"].eq("not supplied"))]
    for row in rows(mine if here.empty else here):  # if it is set nowhere yet, where it is expected
        platform = row.source in platforms or row.state == "not supplied"
        yield Store(SecretPlace.of(row), row.source, platform, row.fingerprint, row.loader)


def _phase(names: Iterable[str], plan: RotationPlan, environment: str) -> Iterator[RunbookStep]:
    words = _words(plan, environment) | _facts(plan)
    for step, block in ((name, block) for name in names for block in _BOOK["step"][name]):
        for item in _items(plan, block["each"]) if "each" in block else [dict[str, Any]()]:
            filled = words | item
            if all(map(filled.get, block.get("if", ()))):
                said = {one: block[one].format_map(filled) for one in RunbookStep._fields if one in block}
                yield RunbookStep(step, environment, item.get("service", ""), **said)


def _items(plan: RotationPlan, each: str) -> Iterator[dict[str, Any]]:
    """What a step is about, as words, each item; twins of one environment are one value."""
    if each == "service":
        built = {rule.service for rule in plan.rules if rule.restart == "rebuild"}
        for store in {one.place.service: one for one in plan.stores}.values():
            refresh = "rebuild" if {"", store.place.service} & built else "restart"
            path, filled = PurePosixPath(store.source), _FILLED.format(store.place.secret)
            named = is_named(plan.project.root, path, "*compose*.y*ml", more=filled)
            container = _BOOK["container"] if named or store.loader == "compose" else ""
            yield {"service": store.place.service, refresh: True, "container": container}
        return
    first: dict[object, Store] = {}
    for store in sorted(plan.stores, key=lambda one: one.place.secret != plan.rules[0].name):
        alone = each == "platform" or store.place.secret not in plan.twins
        group = store if alone else (store.place.environment, store.platform if each == "file" else "")
        if each == "value" or store.platform is (each == "platform"):
            first.setdefault(group, store)
    for store in first.values():
        environment, service = store.place[1:]
        given = f" --env {environment}/{service}=FILE" if store.platform else ""
        place = f"--environment {environment} --service {service}{given}"
        edited = _EDITED if each == "file" and (store.loader,) in BY_HAND else {}
        source = shlex.quote(str(plan.project.root / store.source))
        yield {"store": store, "place": place, "path": source, **edited}


def _facts(plan: RotationPlan) -> dict[str, Any]:
    """What `if` may ask for, by name: true, or a word that may be empty."""
    rule, purge, kept = plan.rules[0], plan.purge or Purge(), plan.rules[0].kind in _KEPT
    issued = bool(rule.obtain and not rule.generate)
    names = "\n".join(
        f"{one.name}{'_URL' * (one.component == 'password')}"
        for one in plan.rules
        if one.name in plan.twins and kept and not issued and not rule.counterpart
    )
    end = next((end for end, (own, _) in _BOOK["other_end"].items() if re.search(own, names)), "")
    encrypts = any(map(re.search, _BOOK["encrypts"], (rule.name, rule.purpose if names and not end else "")))
    by_hand = end or rule.counterpart or any(it.platform or (it.loader,) in BY_HAND for it in plan.stores)
    made = "issued" if issued else "shown" if by_hand else "unseen"
    overlap = rule.overlap if kept and not encrypts else "yes"
    refused = overlap != "yes" and plan.stores and not issued and end in ("", "database")
    signs = bool(refused and names and not end and re.search(_BOOK["signs"], f"{names}\n{rule.purpose}"))
    facts = {
        {"secret": made, "unlisted": "unlisted"}.get(rule.kind, "setting"),
        "entered" if rule.kind != "unlisted" and (rule.kind, made) != ("secret", "unseen") else "",
        ("encrypts" if encrypts else "secret") if kept else "",
        "counterpart" if rule.counterpart else "",
        "overlap" if overlap == "yes" else "not overlap" if plan.stores else "",
        "callers" if refused else "",
        "not sent" if refused and not end else "sent",
        "public" if rule.kind == "secret" and any(other.public for other in plan.rules) else "",
        "committed" if purge.commands else "spared" if purge.purged else "",
        "not found" if purge == Purge() else "",
    }
    logs = (fnmatch.filter(purge.elsewhere, f"{log.pattern}*") for log in plan.project.log_sources)
    return {
        **dict.fromkeys(facts, True),
        "other_end": _BOOK["other_end"][end][1] if end else "",
        "ends": _BOOK["ends"][signs],
        "sessions": re.sub("(?s)^None.*", "", rule.sessions_lost or _BOOK["ends"][1] * signs),
        "revoke": rule.revoke or _BOOK["revoke"][signs],
        "logged": ", ".join(sorted(set[str]().union(*logs))),
    }


def _words(plan: RotationPlan, environment: str) -> dict[str, Any]:
    root, purge = shlex.quote(str(plan.project.root)), plan.purge
    names, services = ([store.place[part] for store in plan.stores] for part in (0, 2))
    readers = dict.fromkeys(name for rule in plan.rules for name in rule.consumers or services)
    consumers = ", ".join(readers) or "what reads it"
    called = re.search(_BOOK["other_end"]["webhook"][0], plan.rules[0].name)  # by the provider
    held = {(it.place.environment, it.fingerprint) for it in plan.stores if it.fingerprint}
    same = (it for it in rows(plan.read.inventory) if (it.environment, it.fingerprint) in held)
    alike = ", ".join(sorted({it.secret for it in same if it.kind in _KEPT} - {it.name for it in plan.rules}))
    return {
        "rule": plan.rules[0],
        "project": f" --project {root}",
        "root": root,
        "env": "".join(
            sorted({f" --env {'/'.join(it.place[1:])}=FILE" for it in plan.stores if it.platform})
        ),
        "check": (f" --environment {plan.environment}" if plan.environment else "")
        + f" --since {iso(plan.read.as_of)}{' --compromised' if purge else ''}",
        "approved": f" --trigger {plan.mode} --triggered-at TIME --approved-by NAME --ticket TICKET",
        "environment": environment or "each environment",
        "names": " together with ".join(dict.fromkeys(names)) or plan.rules[0].name,
        "alike": alike and f" ({alike} has the same now: let `equals` in audit.toml say so if it must)",
        "consumers": consumers,
        "refused": " refuses ".join((consumers, "the provider")[:: 1 if called else -1]),
        "copies": "".join(f"; see {it.path}" for it in plan.project.env_sources if it.backup),
        "forged": ", and compare what came in with the sender's own list" if called else "",
        "purge": "\n".join(purge.commands) if purge else "",
        "purged": ", ".join(purge.purged) if purge else "",
        "elsewhere": ", ".join(purge.elsewhere) if purge else "",
    }
