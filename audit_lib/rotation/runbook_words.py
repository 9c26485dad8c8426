"""The words that fill the steps of runbook.toml: names, places and commands of one project."""

import shlex
from collections.abc import Iterable, Mapping
from pathlib import Path

from audit_lib.base.clock import iso
from audit_lib.base.in_words import counted
from audit_lib.leaks.purge import Purge
from audit_lib.rotation.effects import Effects
from audit_lib.rotation.scope import ConsumerPlace, RotationScope, Store
from audit_lib.settings import GivenValues, Project, SecretRule

Words = Mapping[str, str]
_REVOKE = "Revoke the old value where it was issued, once nothing uses it"


def common_words(
    project: Project,
    scope: RotationScope,
    effects: Effects,
    given: Iterable[GivenValues],
    purge: Purge | None,
    *,
    only: str,
    mode: str,
) -> Words:
    """How the commands are typed for a project, and what is the same in all environments."""
    origins = {(one.environment, one.service): one.origin for one in given}
    places = sorted({store.place[1:] for store in scope.stores if store.platform})
    known = [f"{place[0]}/{place[1]}={origins.get(place, 'FILE')}" for place in places]
    return {
        "secret": scope.rule.name,
        "project": f" --project {shlex.quote(str(project.root))}",
        "root": str(project.root),
        "quoted_root": shlex.quote(str(project.root)),
        "env": "".join(f" --env {shlex.quote(text)}" for text in known),
        "supplied": ". Supply what platforms hold in files that you delete afterwards, or as -"
        if known
        else "",
        "places": counted(len({store.place[1:] for store in scope.stores}), "place"),
        "since": f" --since {iso(effects.as_of)}",
        "only": f" --environment {only}" if only else "",
        "asked": "yes" if effects.asked else "",
        "how": "" if mode == "scheduled" else f" --{mode}",
        "trigger": "compromised" if mode == "compromised" else "scheduled",
        "previous": scope.rule.grace_variable,
        **_purge_words(purge),
        "window": effects.window,
        "broken": effects.broken,
    }


def _purge_words(purge: Purge | None) -> Words:
    """What must leave the history, and what lies beside it; empty words if nothing was found."""
    if purge is None:
        return dict.fromkeys(("purge", "purged", "elsewhere"), "")
    held = [*purge.whole, *purge.texts, *(["commit messages or tags"] if purge.messages else [])]
    held += ["names of files"] if purge.names else []
    entered = ". Enter the old value when the shell waits: it is not shown" if purge.entered else ""
    return {
        "purge": "\n".join(purge.commands) if purge.committed else "",
        "purged": f"{_and(held)}{entered}",
        "elsewhere": _and(purge.elsewhere),
    }


def environment_words(scope: RotationScope, environment: str, common: Words) -> Words:
    """What concerns the stores and consumers of one environment, or of all if none is named."""
    files = [store for store in scope.stores if not store.platform]
    platforms = [store for store in scope.stores if store.platform]
    here = {store.place.secret for store in scope.stores}
    rules = [rule for rule in scope.rules if rule.name in here] or [scope.rule]
    names = _and(rule.name for rule in rules)
    lone = _one_of_twins(scope, files)
    same = len({scope.rule.name, *(one.name for one in scope.twins)} & here) > 1
    return {
        "environment": environment or "each environment",
        "names": names,
        "file_names": _and(store.place.secret for store in files),
        "platform_names": _and(store.place.secret for store in platforms),
        "files": _and(dict.fromkeys(store.source for store in files)),
        "platforms": _and(dict.fromkeys("/".join(store.place[1:]) for store in platforms)),
        "same": ". Both halves get one value" if same else "",
        "into": "\n".join(_into(store, scope, common) for store in lone),
        "shown": f"audit-lib generate {_in_project(scope.rule.name, environment, common)} --show",
        "recorded": "\n".join(_record(store, common) for store in platforms),
        "removed": "\n".join(_removed(store, common) for store in _one_of_twins(scope, scope.stores)),
        "revoked": "\n".join(_revoked(store, common) for store in _one_of_twins(scope, scope.stores)),
        "apart": f"{names} do not fit until all are set" if len(rules) > 1 else "",
        "equal": "; both halves of the pair are equal" if same else "",
        "counterpart": scope.rule.counterpart,
        "consumers": _and(one.consumer.name for one in scope.consumers) or "what reads it",
        "sessions": _sessions(scope.rule),
        "revoke": scope.rule.revoke or _REVOKE,
        "obtain": scope.rule.obtain or "its provider",
    }


def consumer_words(one: ConsumerPlace) -> Words:
    """What the policy says of a consumer."""
    consumer = one.consumer
    owner = f" (owner: {consumer.owner})" if consumer.owner else ""
    read = f"; see {consumer.documentation}" if consumer.documentation else ""
    started = "the start-up validation passes" if one.refresh != "never" else "it is accepted there"
    return {"consumer": str(one), "owner": owner + read, "works": consumer.verify or started}


def holding(scope: RotationScope, consumer: ConsumerPlace | None, common: Words) -> frozenset[str]:
    """The conditions of runbook.toml that hold."""
    rule, made = scope.rule, how_made(scope.rule)
    overlap = {"yes": "overlap", "no": "no overlap"}.get(scope.overlap, "overlap not known")
    shown = made == "made" and _must_be_shown(scope)
    facts = {
        "" if made == "made" else made: True,
        "unseen": made == "made" and not shown,
        "shown": shown,
        "entered": shown or made == "issued",
        "secret": scope.secret,
        "asked" if common["asked"] else "not asked": True,
        "files": any(not store.platform for store in scope.stores),
        "platforms": any(store.platform for store in scope.stores),
        "counterpart": bool(rule.counterpart),
        overlap: True,
        "not overlap": scope.overlap != "yes",
        "public": any(one.public for one in scope.rules) and rule.kind == "secret",
        "breaks": scope.overlap != "yes",
        consumer.refresh if consumer else "": True,
        "committed" if common["purge"] else "not committed": True,
        "elsewhere": bool(common["elsewhere"]),
    }
    return frozenset(name for name, holds in facts.items() if holds)


def _must_be_shown(scope: RotationScope) -> bool:
    """Whether a value that we make must be entered somewhere by hand."""
    elsewhere = any(store.platform for store in scope.stores) or scope.rule.counterpart
    return bool(elsewhere) or any(one.refresh == "never" for one in scope.consumers)


def how_made(rule: SecretRule) -> str:
    """made | issued | setting | unlisted: where a new value comes from."""
    if rule.kind == "unlisted":
        return "unlisted"
    if rule.kind != "secret":
        return "setting"
    return "issued" if rule.obtain and not rule.generate else "made"


def _one_of_twins(scope: RotationScope, files: Iterable[Store]) -> list[Store]:
    """A store for each value: twins in the same environment hold the same."""
    twins = {scope.rule.name, *(rule.name for rule in scope.twins)}
    chosen: dict[tuple[str, str], Store] = {}
    for store in sorted(files, key=lambda one: one.place.secret != scope.rule.name):
        group = "twins" if store.place.secret in twins else store.place.secret
        chosen.setdefault((store.place.environment, group), store)
    return list(chosen.values())


def _into(store: Store, scope: RotationScope, common: Words) -> str:
    given = "" if how_made(scope.rule) == "made" and not _must_be_shown(scope) else " --given"
    path = shlex.quote(str(Path(common["root"]) / store.source))
    place = f"{store.place.secret}{common['project']}"
    return f"audit-lib generate {place} --into {path}{given} {_approved(common)}"


def _record(store: Store, common: Words) -> str:
    return f"audit-lib record {_place(store, common)} {_approved(common)}{_env(store, common)}"


def _approved(common: Words) -> str:
    return f"--trigger {common['trigger']} --triggered-at TIME --approved-by NAME --ticket TICKET"


def _removed(store: Store, common: Words) -> str:
    return f"audit-lib record {_place(store, common)} --removed{_env(store, common)}"


def _revoked(store: Store, common: Words) -> str:
    return f"audit-lib record {_place(store, common)} --revoked previous{_env(store, common)}"


def _place(store: Store, common: Words) -> str:
    secret, environment, service = store.place
    return f"{_in_project(secret, environment, common)} --service {service}"


def _in_project(secret: str, environment: str, common: Words) -> str:
    return f"{secret}{common['project']} --environment {environment}"


def _env(store: Store, common: Words) -> str:
    """What gives a platform's value; an env file needs none."""
    found = common["env"].split(" --env ")
    mine = f"{store.place.environment}/{store.place.service}="
    return "".join(f" --env {one}" for one in found if one.strip("'").startswith(mine))


def _sessions(rule: SecretRule) -> str:
    text = rule.sessions_lost
    return "" if not text or text.startswith("None") else f"sessions are lost: {text}"


def _and(names: Iterable[str]) -> str:
    found = list(dict.fromkeys(names))
    return " and ".join(filter(None, (", ".join(found[:-1]), found[-1] if found else "")))
