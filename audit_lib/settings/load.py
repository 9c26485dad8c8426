"""Reads audit.toml with the policy that it extends, a policy of the reviewer's own, a guide's rules."""

import os
import re
from collections import Counter
from dataclasses import replace
from datetime import datetime
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any

from audit_lib.base.bounded import parse_toml, read_text_file, shown_name
from audit_lib.base.cache import recall_state, remember_state
from audit_lib.base.clock import parse_instant
from audit_lib.base.errors import BadInput, Fault
from audit_lib.settings.code_reads import code_variables, env_variables
from audit_lib.settings.discover import discover
from audit_lib.settings.keys import MOVED, checked, leads_out, shown_key, types_of_keys, unknown_key
from audit_lib.settings.models import POLICIES, GuideRule, GuideRules, Policy, Project, SecretRule

LAYOUT = "AUDIT_TOML"
MOST_LINKS = 40  # as many as the kernel follows
PLACES = ("audit.toml", ".audit/audit.toml")
DEFAULT_LAYOUT = Path(__file__).with_name("default_audit.toml")
OLD_POLICIES = ("policy.toml", ".audit/policy.toml")
GENERIC = "generic"
# The keys of audit.toml that say where things are; all others say what is demanded.
PLACE_KEYS, DEMAND_KEYS = types_of_keys(Project).keys(), types_of_keys(Policy).keys()
JOINED = re.compile(r"placeholders|compromised|.*_prefixes|.*_names")  # lists of the own and of those below
NOT_INHERITED = ("name", "recognised_by")
_FOR_SAMPLES = (
    'key = "demo" and pinned_as_of are for a sample that `audit-lib sample` wrote for this user and home: '
    "remove both, or write the sample anew"
)
Table = dict[str, Any]


# ---- The policy: what is demanded ----


def bundled_names() -> tuple[str, ...]:
    """The names of the policies that come with the program."""
    return tuple(sorted(path.stem for path in POLICIES.glob("*.toml")))


@cache
def bundled_policy(name: str) -> Policy:
    """A policy that comes with the program, by its name; `BadInput` if no policy has that name."""
    if name not in bundled_names():
        names = ", ".join(bundled_names())
        raise BadInput.at(f"policy {shown_name(name)}", f"is not a bundled policy: {names}")
    return load_policy(POLICIES / f"{name}.toml")


def load_policy(path: Path, place: str = "") -> Policy:
    """The policy of a TOML file, with the bundled one that it extends; `BadInput` with all of its faults.

    `place` names the file in faults and defaults to its own name.
    """
    place = place or path.name
    content = read_text_file(path, place)
    return _policy(parse_toml(content, place), path, place, sha256(content).hexdigest())


def _policy(table: Table, path: Path, place: str, digest: str) -> Policy:
    """The policy of a table that was read from a file; `BadInput` with all of its faults."""
    faults: list[Fault] = []
    policy = _demanded(table, path, place, faults)
    if policy and not faults:
        faults = _cross_faults(policy, place)
    if not policy or faults:
        raise BadInput(faults)
    stated = {name: rf"\A(?:{pattern})\Z" for name, pattern in policy.formats.items()}
    rules = tuple(_with_period(rule, policy) for rule in policy.secrets)
    return replace(policy, path=path, sha256=digest, formats=stated, secrets=rules)


def _demanded(table: Table, path: Path, place: str, faults: list[Fault]) -> Policy | None:
    """What a file demands over the bundled policy that it extends: the generic one, if it names none."""
    name = table.get("extends", GENERIC)
    if name not in bundled_names():
        faults.append(Fault(place, f"extends must be one of {', '.join(bundled_names())}"))
        name = GENERIC
    base = {} if path == POLICIES / f"{GENERIC}.toml" else _table(name)
    return checked(Policy, _extended(table, base), place, faults, beside=PLACE_KEYS)


def _cross_faults(policy: Policy, place: str) -> list[Fault]:
    """The faults of names that a policy uses and does not have, or has twice."""
    spelt = Counter(name for rule in policy.secrets for name in (rule.name, *rule.aliases))
    twice = {name: count for name, count in sorted(spelt.items()) if count > 1}
    faults = [
        Fault(place, f"secret {shown_key(name)} appears {count} times (as name or alias)")
        for name, count in twice.items()
    ]
    for number, rule in enumerate(policy.secrets, 1):
        block = f"{place}: secret #{number} ({rule.name})"
        others = [(key, one) for key in ("equals", "differs", "rotates_with") for one in getattr(rule, key)]
        faults += [
            Fault(block, f"{key} {shown_key(other)} must name another variable of the policy")
            for key, other in others
            if other == rule.name or other not in spelt
        ]
        used = {rule.format, rule.usual_format, *rule.forbidden_formats, *rule.environment_formats.values()}
        unknown = sorted(used - {"", *policy.formats})
        faults += [Fault(block, f"format {shown_key(name)} is not in [formats]") for name in unknown]
    return faults


@cache
def _table(name: str) -> Table:
    """The table of a bundled policy, with what it extends."""
    table = parse_toml((POLICIES / f"{name}.toml").read_bytes(), name)
    return _extended(table, _table(table["extends"])) if "extends" in table else table


def _extended(own: Table, base: Table) -> Table:
    """The own keys over those below: lists of patterns are joined, blocks and tables laid over by name."""
    whole = {key: value for key, value in base.items() if key not in NOT_INHERITED} | own
    for key in base.keys() & own.keys():
        under, over = base[key], own[key]
        if isinstance(under, dict) and isinstance(over, dict):
            whole[key] = _extended(over, under)
        elif key == "secret" and isinstance(over, list):
            whole[key] = _laid_over(over, under)
        elif JOINED.fullmatch(key) and isinstance(over, list):
            whole[key] = [*over, *(one for one in under if one not in over)]
    return whole


def _laid_over(own: list[Any], base: list[Table]) -> list[Any]:
    """The own blocks, each over that of its name, then those below whose names they do not have."""
    under = {block["name"]: block for block in base}
    found: list[Any] = []
    for block in own:
        below = under.pop(str(block.get("name")), {}) if isinstance(block, dict) else {}
        if below and (block.get("exempt") or block.get("kind", "secret") != "secret"):
            below = {key: below[key] for key in below if key != "max_age_days"}
        found.append(below | block if below else block)
    return [*found, *under.values()]


def _with_period(rule: SecretRule, policy: Policy) -> SecretRule:
    """The rule with the policy's periods, where it has none of its own; what is public by design has none."""
    stated = rule.max_age_days is not None
    if rule.exempt or rule.kind != "secret" or (rule.public and not stated):
        return replace(rule, max_age_days=None, period_stated=stated)
    return replace(
        rule,
        max_age_days=rule.max_age_days or policy.default_max_age_days,
        period_stated=stated,
        strict_max_age_days=policy.strict_max_age_days,
    )


def guide_rules(policy: Policy) -> tuple[GuideRule, ...]:
    """The numbered rules that a policy names, in the order of their file; none if it names none.

    `BadInput` with every fault of the file, or for a name that leads out of the policy's folder.
    """
    name = policy.rules
    if Path(name).name != name:
        raise BadInput.at(policy.path.name, "rules must be a bundled name or a file beside the policy")
    if not name:
        return ()
    path = policy.path.parent / name if name.endswith(".toml") else POLICIES / "rules" / f"{name}.toml"
    faults: list[Fault] = []
    found = checked(GuideRules, parse_toml(read_text_file(path, path.name), path.name), path.name, faults)
    if not found:
        raise BadInput(faults)
    return found.rule


# ---- The project: where its evidence is ----


def load_project(root: Path, ledger: Path | None = None, *, sample: bool = False) -> Project:
    """The project in a folder; `BadInput` with every fault of its audit.toml.

    AUDIT_TOML names one outside that is read in its place: what the project says of itself then counts for
    nothing. Without an audit.toml (in the folder or its .audit/) the default layout is assumed, and env-like
    files and logs are discovered beside it. `sample` says that the caller has just built it as a sample.
    """
    try:
        root = root.resolve(strict=True)
    except (OSError, ValueError, RuntimeError):
        raise BadInput.at("project", "does not exist or cannot be reached") from None
    if not root.is_dir():
        raise BadInput.at("project", "is not a folder")
    given = given_layout(root)
    found = [] if given else [place for place in PLACES if os.path.lexists(root / place)]
    if len(found) == 2:
        raise BadInput.at("audit.toml", "exists twice, in the project and in its .audit/: keep one")
    if not given:
        _refuse_old_policy(root)
    if not found and not given:
        # Nobody named the files of an assumed layout: reading refuses the links among them.
        return replace(discover(_project(DEFAULT_LAYOUT, DEFAULT_LAYOUT.name, root, None)), ledger=ledger)

    if found and leads_out(found[0], root):
        raise BadInput.at(found[0], "leads out of the project through a symbolic link")
    place = LAYOUT if given else found[0]
    project = _project(given or root / place, place, root, root)
    if project.key and not (sample or (place == "audit.toml" and is_sample(root))):
        # Else whoever may commit to a project could sign its ledger, and stop its clock.
        raise BadInput.at(place, _FOR_SAMPLES)
    return replace(project, configured=True, ledger=ledger)


def _project(path: Path, place: str, root: Path, links_from: Path | None) -> Project:
    """The project that a layout file describes; `BadInput` with every fault of the file."""
    content = read_text_file(path, place)
    table = parse_toml(content, place)
    name = table.get("name") or re.sub(r"[^\w.-]+", "-", root.name).strip("-.")[:80] or "project"
    places = {key: value for key, value in table.items() if key in PLACE_KEYS} | {"name": name}
    demands = {key: value for key, value in table.items() if key not in PLACE_KEYS}
    faults: list[Fault] = []
    project = checked(Project, places, place, faults, root=links_from)
    base = {"name": "x"} | ({"extends": table["extends"]} if "extends" in table else {})
    _demanded(base | demands, path, place, faults)
    if project and project.pinned_as_of and not project.key:
        # Else any project could stop its clock, and no secret would ever be too old.
        faults.append(Fault(place, 'pinned_as_of is only for a sample, with key = "demo"'))
    if not project or faults:
        raise BadInput(faults)

    zoned = "time_zone" in places
    logs = tuple(
        replace(log, time_zone=log.time_zone or project.time_zone, zone_declared=zoned or log.time_zone != "")
        for log in project.log_sources
    )
    logins = tuple(replace(login, added=True) for login in project.logins)
    read: Table = {"layout": path, "layout_sha256": sha256(content).hexdigest(), "demands": demands}
    return replace(project, root=root, log_sources=logs, logins=logins, zone_declared=zoned, **read)


def _refuse_old_policy(root: Path) -> None:
    """Raises `BadInput` for a policy.toml of before 0.3.0, with the new place of each of its keys."""
    moved = dict.fromkeys(PLACE_KEYS | DEMAND_KEYS, "goes into audit.toml as it is") | MOVED
    moved |= dict.fromkeys(("name", "title"), "is left out: audit.toml has a name")
    for place in OLD_POLICIES:
        if os.path.lexists(root / place) and not leads_out(place, root):
            faults = [Fault(place, "is not read any more: its keys belong into audit.toml. Then remove it")]
            for key in parse_toml(read_text_file(root / place, place), place):
                faults.append(Fault(place, f"{key} {moved[key]}" if key in moved else unknown_key(key, [])))
            raise BadInput(faults)


def is_configured(root: Path) -> bool:
    """Whether a folder has an audit.toml, or one was given for it."""
    return bool(given_layout(root)) or any(os.path.lexists(root / place) for place in PLACES)


def instant_of(project: Project, as_of: str) -> datetime:
    """The instant that is audited: the one given, else the sample's own, or `BadInput`."""
    if not as_of and not project.pinned_as_of:
        raise BadInput.at("as_of", "is required: a date such as 2026-09-30")
    return parse_instant(as_of or project.pinned_as_of, "as_of")


# ---- Which policy a project is audited by ----


def choose_policy(project: Project, override: str = "") -> Policy:
    """The policy that `--policy` names, bundled or a file; else what audit.toml demands over what it extends.

    An audit.toml that extends nothing extends the bundled policy that recognises the project by its
    variables' names, else the generic one. The logins that audit.toml adds are in it, too.
    """
    if override:
        is_bundled = override in bundled_names()
        policy = bundled_policy(override) if is_bundled else load_policy(Path(override), override)
    else:
        base = project.extends or _recognised(project)
        policy = bundled_policy(base)
        if project.demands and project.layout is not None:
            demands = {**project.demands, "name": project.name, "extends": base}
            policy = _policy(demands, project.layout, project.layout.name, project.layout_sha256)
    if both := {login.name for login in policy.logins} & {login.name for login in project.logins}:
        raise BadInput.at("audit.toml", f"has the login {min(both)}, which the policy has")
    return replace(policy, logins=policy.logins + project.logins)


def _recognised(project: Project) -> str:
    """The bundled policy of which a project's files name half of the variables, else the generic one."""
    others = [bundled_policy(name) for name in bundled_names() if name != GENERIC]
    wanted = {name for policy in others for name in policy.recognised_by}
    held = {*env_variables(project), *code_variables(project, wanted)}
    known = (one.name for one in others if 2 * len(held & {*one.recognised_by}) >= len(one.recognised_by))
    return next(known, GENERIC)


# ---- What may be read outside the project: only what the reviewer names ----


def given_layout(root: Path) -> Path | None:
    """The audit.toml that AUDIT_TOML names, in place of the project's own; None if it names none.

    `BadInput` if it is relative, lies in the project or behind a link of it, or is no file.
    """
    named = Path(os.environ.get(LAYOUT, "").strip())
    if named == Path():
        return None
    if not named.is_absolute() or ".." in named.parts:
        raise BadInput.at(LAYOUT, "must be the absolute path of a file, without ..")
    path = real_path(named, root, LAYOUT)
    if path.is_relative_to(root):
        raise BadInput.at(LAYOUT, "is in the project, whose own audit.toml is read without it")
    if not path.is_file():
        raise BadInput.at(LAYOUT, "is not a file")
    return path


def real_path(path: Path, root: Path, place: str) -> Path:
    """Where a path leads that the reviewer names; `BadInput` if a link on its way lies in the project.

    A link there is the word of whoever may commit to it, and could lead to any file.
    """
    at = path.absolute()
    for _ in range(MOST_LINKS):
        link = next((part for part in (*reversed(at.parents), at) if part.is_symlink()), None)
        if link is None:
            return Path(os.path.realpath(path))
        if Path(os.path.realpath(link.parent)).is_relative_to(root):
            raise BadInput.at(place, "leads through a symbolic link of the project, which is not followed")
        at = link.parent / link.readlink() / at.relative_to(link)
    raise BadInput.at(place, "leads through too many symbolic links")


# ---- Samples: only folders that this program wrote may use the public key and a pinned date ----


def remember_sample(folder: Path) -> bool:
    """Whether the folder is remembered as a sample; those that are gone are forgotten."""
    root = folder.resolve()
    kept = {place: identity for place, identity in recall_state("samples").items() if Path(place).is_dir()}
    return remember_state("samples", kept | {str(root): _identity(root)})


def is_sample(root: Path) -> bool:
    """Whether this very folder, with the audit.toml that it had, was written here as a sample."""
    return bool(recall_state("samples").get(str(root)) == _identity(root))


def _identity(root: Path) -> str:
    # A file system gives the inode of a folder that was removed to the next one: it is not enough.
    facts, text = root.stat(), read_text_file(root / "audit.toml", "audit.toml")
    return f"{facts.st_dev}:{facts.st_ino}:{sha256(text).hexdigest()}"
