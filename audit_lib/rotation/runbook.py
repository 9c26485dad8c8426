"""The plan of a rotation: its steps in order, from runbook.toml, the policy and what is in place."""

import shlex
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any

import pandas as pd

from audit_lib.base.cache import user_cache
from audit_lib.base.clock import iso
from audit_lib.base.in_words import counted
from audit_lib.leaks.find_leaks import LeakAudit, find_leaks
from audit_lib.leaks.search import LeakOptions
from audit_lib.leaks.purge import Purge, purge_of
from audit_lib.leaks.tables import SECRETS
from audit_lib.ledger.timeline import SecretPlace
from audit_lib.logs.frames import nothing_read
from audit_lib.rotation.progress import LONGEST, Progress, RotationRead, rotation_progress
from audit_lib.rotation.scope import ConsumerPlace, RotationScope, Store, rotation_scope
from audit_lib.secrecy.keeper import Keeper
from audit_lib.secrets.read_project import ProjectRead, read_project
from audit_lib.settings import GivenValues, Policy, Project, SecretRule

Words = Mapping[str, str]
_REVOKE = "Revoke the old value where it was issued, once nothing uses it"
_OVERLAP = {
    "yes": "possible: revoke the old value when nothing uses it any more",
    "no": "impossible: the old value stops working when the new one starts",
    "unknown": "not known: the policy does not say (overlap); plan as if it were impossible",
}


@dataclass(frozen=True)
class RunbookStep:
    """One step: what to do and where, what to type, how to see that it worked, what it breaks."""

    name: str
    environment: str  # "" for one that is done once
    consumer: str  # "" for one that concerns none, or all
    text: str
    commands: tuple[str, ...]
    verify: str
    breaks: str


@dataclass(frozen=True)
class RotationPlan:
    """What is to be rotated and what was read for it. Holds no value: the keeper does."""

    project: Project
    policy: Policy
    scope: RotationScope
    read: RotationRead
    deploys: pd.DataFrame
    given: tuple[GivenValues, ...]
    environment: str  # the only one; "" for all
    leaks: LeakAudit | None  # of a compromised value: what was found of it and of all others

    @property
    def mode(self) -> str:
        """The order of runbook.toml."""
        return "scheduled" if self.leaks is None else "compromised"

    @property
    def purge(self) -> Purge | None:
        """What must be taken out of the history; None if it was not searched."""
        if self.leaks is None:
            return None
        mine = leaked_values(self.scope, self.read, self.leaks.leaks)
        places = self.leaks.places[self.leaks.places["leak_id"].isin(mine["leak_id"])]
        return purge_of(self.project, places)

    @property
    def effects(self) -> tuple[tuple[str, str], ...]:
        """What to expect, as pairs of a topic and a sentence."""
        scope = self.scope
        coupled = [f"{rule.name} (the same value)" for rule in scope.twins]
        coupled += [f"{rule.name} (a value of its own)" for rule in scope.partners]
        coupled += [f"not {name}, which must stay different" for name in scope.rule.differs]
        overlap = _OVERLAP[scope.overlap] if scope.secret else "does not matter: nothing is revoked"
        return (
            ("Refused meanwhile", _broken(scope)),
            ("Window", _window(scope, self.deploys)),
            (
                "Sessions lost",
                scope.rule.sessions_lost or "not known: the policy does not say (sessions_lost)",
            ),
            ("Overlap of old and new", overlap),
            ("Changes with it", ", ".join(coupled) or "nothing"),
        )

    @property
    def steps(self) -> tuple[RunbookStep, ...]:
        """What to do, in order: development first, or production if others have the value."""
        order, words = _book()[self.mode], _common_words(self)
        environments = self.scope.environments[:: 1 if self.leaks is None else -1]
        steps = [*_phase(order["first"], self.scope, "", words)]
        for environment in environments:
            here = self.scope.within(environment)
            steps += _phase(order["in_each_environment"], here, environment, words)
        return (*steps, *_phase(order["last"], self.scope, "", words))

    def progress(self, since: datetime | None = None) -> Progress:
        """What is done, of a rotation that began at an instant: by default 14 days before it is looked at."""
        leaks = None if self.leaks is None else self.leaks.leaks
        return rotation_progress(self.scope, self.read, since or self.read.as_of - LONGEST, leaks)


def plan_rotation(
    secret: str,
    project: Project,
    policy: Policy,
    keeper: Keeper,
    as_of: datetime,
    *,
    given: tuple[GivenValues, ...] = (),
    environment: str = "",
    compromised: bool = False,
) -> RotationPlan:
    """The plan as of an instant, from env files, stores and the ledger; no log is read.

    For a compromised value all of the project is searched for it, and the plan names the places alone that
    hold, or held, a value that leaked.

    Raises:
        BadInput: a secret, a file or a ledger that cannot be used.
    """
    found = read_project(project, policy, keeper, as_of, nothing_read, given=given)
    read = RotationRead(as_of, found.inventory, found.ledger)
    scope = rotation_scope(secret, policy, read.inventory)
    scope = scope.within(environment) if environment else scope
    leaks = None
    if compromised:
        leaks = _searched(project, keeper, policy, found, read)
        scope = scope.concerned(_leaked_places(scope, read, leaked_values(scope, read, leaks.leaks)))
    return RotationPlan(project, policy, scope, read, found.deploys, given, environment, leaks)


def _searched(
    project: Project, keeper: Keeper, policy: Policy, found: ProjectRead, read: RotationRead
) -> LeakAudit:
    """What a search of all of the project finds."""
    options, given = LeakOptions(cache=user_cache()), (found.entries, found.inventory)
    return find_leaks(project, keeper, policy, *given, stays=read.stays, options=options)


def leaked_values(scope: RotationScope, read: RotationRead, leaks: pd.DataFrame) -> pd.DataFrame:
    """The rows of `Leaks` that are about values of a scope, past and present, by value or by name."""
    places = {store.place for store in scope.stores}
    held = {store.fingerprint for store in scope.stores}
    held |= {stay.fingerprint for stay in read.stays if stay.home in places}
    names = {name for rule in scope.rules for name in (rule.name, *rule.aliases)}
    mine = leaks["fingerprint"].isin(held - {None}) | leaks["variable"].isin(names)
    return leaks[leaks["kind"].isin(SECRETS) & mine]


def _leaked_places(scope: RotationScope, read: RotationRead, leaks: pd.DataFrame) -> Iterator[SecretPlace]:
    """The places in which a value that leaked is, or was; those of a value that nobody knows are all."""
    leaked = set(leaks["fingerprint"].dropna())
    stays = {(stay.home, stay.fingerprint) for stay in read.stays}
    for store in scope.stores:
        was = any((store.place, value) in stays for value in leaked)
        if not leaked or store.fingerprint in leaked or was or store.fingerprint is None:
            yield store.place


def _broken(scope: RotationScope) -> str:
    names = ", ".join(dict.fromkeys(one.consumer.name for one in scope.consumers)) or "what reads it"
    if scope.overlap == "yes":
        return f"nothing but what the refresh of {names} interrupts"
    return f"what it opens, for {names} and their callers, until all have the new value"


def _window(scope: RotationScope, deploys: pd.DataFrame) -> str:
    """How long it takes at least, by the median of the deploys that are listed."""
    if scope.overlap == "yes":
        return "no window is needed: old and new value overlap"
    services = {(one.environment, one.consumer.name) for one in scope.consumers}
    here = [pair in services for pair in zip(deploys["environment"], deploys["service"], strict=True)]
    took = deploys[pd.Series(here, deploys.index, dtype=bool) & deploys["outcome"].eq("took effect")]
    minutes = (took["ended_at"] - took["began_at"]).dropna().dt.total_seconds().median() / 60
    if pd.isna(minutes):
        return "not known: no deploy list shows how long one takes"
    return f"at least {minutes:.0f} min, the time that a deploy takes"


# ---- Steps ----


@cache
def _book() -> dict[str, Any]:
    """The content of runbook.toml: two orders, and the blocks of each step."""
    return tomllib.loads(resources.files("audit_lib.rotation").joinpath("runbook.toml").read_text("utf-8"))


def _phase(
    names: Iterable[str], scope: RotationScope, environment: str, common: Words
) -> Iterator[RunbookStep]:
    words = {**common, **_environment_words(scope, environment, common)}
    for block in (block for name in names for block in _book()["step"] if block["name"] == name):
        for consumer in scope.consumers if block.get("each") else (None,):
            if _facts(scope, consumer, common).issuperset(block.get("if", ())):
                filled = {**words, **(_consumer_words(consumer) if consumer else {})}
                texts = {
                    key: block.get(key, "").format_map(filled)
                    for key in ("text", "command", "verify", "breaks")
                }
                commands = tuple(filter(None, texts.pop("command").splitlines()))
                name = consumer.consumer.name if consumer else ""
                yield RunbookStep(block["name"], environment, name, commands=commands, **texts)


def _facts(scope: RotationScope, consumer: ConsumerPlace | None, common: Words) -> frozenset[str]:
    """The conditions of runbook.toml that hold."""
    rule, made = scope.rule, how_made(scope.rule)
    shown = made == "made" and _must_be_shown(scope)
    facts = {
        made: made != "made",
        "unseen": made == "made" and not shown,
        "shown": shown,
        "entered": shown or made == "issued",
        "secret": scope.secret,
        "files": any(not store.platform for store in scope.stores),
        "platforms": any(store.platform for store in scope.stores),
        "counterpart": bool(rule.counterpart),
        {"yes": "overlap", "no": "no overlap"}.get(scope.overlap, "overlap not known"): True,
        "not overlap": scope.overlap != "yes",
        "public": any(one.public for one in scope.rules) and rule.kind == "secret",
        consumer.refresh if consumer else "": True,
        "committed" if common["purge"] else "not committed": True,
        "elsewhere": bool(common["elsewhere"]),
    }
    return frozenset(name for name, holds in facts.items() if holds)


def _must_be_shown(scope: RotationScope) -> bool:
    """Whether a value that we make must be entered somewhere by hand."""
    by_hand = any(store.platform for store in scope.stores) or bool(scope.rule.counterpart)
    return by_hand or any(one.refresh == "never" for one in scope.consumers)


def how_made(rule: SecretRule) -> str:
    """made | issued | setting | unlisted: where a new value comes from."""
    if rule.kind == "unlisted":
        return "unlisted"
    if rule.kind != "secret":
        return "setting"
    return "issued" if rule.obtain and not rule.generate else "made"


# ---- Words ----


def _common_words(plan: RotationPlan) -> Words:
    """How the commands are typed for a project, and what is the same in all environments."""
    scope, purge = plan.scope, plan.purge
    origins = {(one.environment, one.service): one.origin for one in plan.given}
    places = sorted(
        {(store.place.environment, store.place.service) for store in scope.stores if store.platform}
    )
    given = [f"{place[0]}/{place[1]}={origins.get(place, 'FILE')}" for place in places]
    env = [f" --env {shlex.quote(text)}" for text in given]
    held = [*purge.whole, *purge.texts] if purge else []
    held += ["commit messages or tags"] if purge and purge.messages else []
    held += ["names of files"] if purge and purge.names else []
    entered = ". Enter the old value when the shell waits: it is not shown" if purge and purge.entered else ""
    return {
        "secret": scope.rule.name,
        "project": f" --project {shlex.quote(str(plan.project.root))}",
        "root": str(plan.project.root),
        "quoted_root": shlex.quote(str(plan.project.root)),
        "env": "".join(env),
        "supplied": ". Supply what platforms hold in files that you delete afterwards, or as -"
        if env
        else "",
        "places": counted(len({store.place[1:] for store in scope.stores}), "place"),
        "since": f" --since {iso(plan.read.as_of)}",
        "only": f" --environment {plan.environment}" if plan.environment else "",
        "how": " --compromised" if plan.leaks else "",
        "trigger": plan.mode,
        "purge": "\n".join(purge.commands) if purge and purge.committed else "",
        "purged": f"{_and(held)}{entered}",
        "elsewhere": _and(purge.elsewhere) if purge else "",
        "window": _window(scope, plan.deploys),
        "broken": _broken(scope),
    }


def _environment_words(scope: RotationScope, environment: str, common: Words) -> Words:
    """What concerns the stores and consumers of one environment, or of all if none is named."""
    files = [store for store in scope.stores if not store.platform]
    platforms = [store for store in scope.stores if store.platform]
    here = {store.place.secret for store in scope.stores}
    rules = [rule for rule in scope.rules if rule.name in here] or [scope.rule]
    same = len({scope.rule.name, *(twin.name for twin in scope.twins)} & here) > 1
    lost = scope.rule.sessions_lost
    each = _one_of_twins(scope, scope.stores)
    return {
        "environment": environment or "each environment",
        "names": _and(rule.name for rule in rules),
        "file_names": _and(store.place.secret for store in files),
        "platform_names": _and(store.place.secret for store in platforms),
        "files": _and(store.source for store in files),
        "platforms": _and("/".join(store.place[1:]) for store in platforms),
        "same": ". Both halves get one value" if same else "",
        "into": "\n".join(_into(store, scope, common) for store in _one_of_twins(scope, files)),
        "shown": f"audit-lib rotate new {_in_project(scope.rule.name, environment, common)} --show",
        "recorded": "\n".join(_record(store, common, f" {_approved(common)}") for store in platforms),
        "removed": "\n".join(_record(store, common, " --removed") for store in each),
        "revoked": "\n".join(_record(store, common, " --revoked previous") for store in each),
        "apart": f"{_and(rule.name for rule in rules)} do not fit until all are set"
        if len(rules) > 1
        else "",
        "equal": "; both halves of the pair are equal" if same else "",
        "counterpart": scope.rule.counterpart,
        "consumers": _and(one.consumer.name for one in scope.consumers) or "what reads it",
        "sessions": "" if not lost or lost.startswith("None") else f"sessions are lost: {lost}",
        "revoke": scope.rule.revoke or _REVOKE,
        "obtain": scope.rule.obtain or "its provider",
    }


def _consumer_words(one: ConsumerPlace) -> Words:
    consumer = one.consumer
    owner = f" (owner: {consumer.owner})" if consumer.owner else ""
    read = f"; see {consumer.documentation}" if consumer.documentation else ""
    started = "the start-up validation passes" if one.refresh != "never" else "it is accepted there"
    return {"consumer": str(one), "owner": owner + read, "works": consumer.verify or started}


def _one_of_twins(scope: RotationScope, stores: Iterable[Store]) -> list[Store]:
    """A store for each value: twins in the same environment hold the same."""
    twins = {scope.rule.name, *(rule.name for rule in scope.twins)}
    first: dict[tuple[str, str], Store] = {}
    for store in sorted(stores, key=lambda store: store.place.secret != scope.rule.name):
        group = "twins" if store.place.secret in twins else store.place.secret
        first.setdefault((store.place.environment, group), store)
    return list(first.values())


def _into(store: Store, scope: RotationScope, common: Words) -> str:
    given = "" if how_made(scope.rule) == "made" and not _must_be_shown(scope) else " --given"
    path = shlex.quote(str(Path(common["root"]) / store.source))
    where = f"{store.place.secret}{common['project']} --into {path}{given}"
    return f"audit-lib rotate new {where} {_approved(common)}"


def _approved(common: Words) -> str:
    return f"--trigger {common['trigger']} --triggered-at TIME --approved-by NAME --ticket TICKET"


def _record(store: Store, common: Words, what: str) -> str:
    secret, environment, service = store.place
    known = common["env"].split(" --env ")[1:]
    env = [f" --env {one}" for one in known if one.strip("'").startswith(f"{environment}/{service}=")]
    return (
        f"audit-lib record {_in_project(secret, environment, common)} --service {service}{what}{''.join(env)}"
    )


def _in_project(secret: str, environment: str, common: Words) -> str:
    return f"{secret}{common['project']} --environment {environment}"


def _and(names: Iterable[str]) -> str:
    distinct = list(dict.fromkeys(names))
    return " and ".join(filter(None, (", ".join(distinct[:-1]), distinct[-1] if distinct else "")))
