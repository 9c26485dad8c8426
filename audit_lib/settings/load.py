"""Reads audit.toml, policies and the rules of a guide, and dumps what is in force for reviews to compare."""

import functools
import os
import re
from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Any

from audit_lib.base import bounded, cache, files
from audit_lib.base.errors import BadInput, Fault
from audit_lib.secrecy.strength import looks_generated
from audit_lib.settings import discover, keys
from audit_lib.settings.models import BUNDLED, POLICIES, GuideRule, GuideRules, Policy, Project, SecretRule
from audit_lib.settings.variables import env_variables, read_code

LAYOUT, GENERIC = "AUDIT_TOML", "generic"  # the variable that names a layout; the policy that all extend
PLACES, DEFAULT_LAYOUT = ("audit.toml", ".audit/audit.toml"), Path(__file__).with_name("default_audit.toml")
# The keys of audit.toml that say where things are; all others say what is demanded.
PLACE_KEYS, DEMAND_KEYS = keys.types_of_keys(Project).keys(), keys.types_of_keys(Policy).keys()
JOINED = re.compile(r"placeholders|compromised|.*_prefixes|.*_names")  # lists of the own and of those below
_LEFT_OUT = keys.TEXTS["words"]["left_out"]
LARGEST_FORMATS = 1 << 20  # bytes of a file of log formats


@functools.cache
def bundled_policy(name: str) -> Policy:
    """A policy that comes with the program, by its name; `BadInput` if no policy has that name."""
    place = f"policy {bounded.shown_name(name)}"
    BadInput.unless(name in BUNDLED, place, f"is not a bundled policy: {', '.join(BUNDLED)}")
    return load_policy(POLICIES / f"{name}.toml")


def load_policy(path: Path, place: str = "") -> Policy:
    """The policy of a TOML file, with the bundled one that it extends; `BadInput` with all of its faults."""
    return _policy(*_read(path, place or path.name), path, place or path.name)


def _read(path: Path, place: str) -> tuple[keys.Table, str]:
    content = bounded.read_text_file(path, place)
    return bounded.parse_toml(content, place), sha256(content).hexdigest()


def _policy(table: keys.Table, digest: str, path: Path, place: str) -> Policy:
    name = table.get("extends")
    base = {} if path == POLICIES / f"{GENERIC}.toml" else _table(name if name in BUNDLED else GENERIC)
    policy = keys.checked(Policy, _laid_over(base, table), place, beside=PLACE_KEYS)
    if faults := [*_cross_faults(policy, place)]:
        raise BadInput(faults)
    rules = tuple(_with_period(rule, policy) for rule in policy.secrets)
    return replace(policy, path=path, sha256=digest, secrets=rules)


def _cross_faults(policy: Policy, place: str) -> Iterator[Fault]:
    spelt = Counter(name for rule in policy.secrets for name in (rule.name, *rule.aliases))
    yield from (
        Fault(place, f"secret {keys.shown_key(name)} appears {count} times (as name or alias)")
        for name, count in sorted(spelt.items())
        if count > 1
    )
    for number, rule in enumerate(policy.secrets, 1):
        used = {rule.format, rule.usual_format, *rule.forbidden_formats, *rule.environment_formats.values()}
        texts = [
            f"{key} {keys.shown_key(name)} must name another variable of the policy"
            for key in ("equals", "differs", "rotates_with")
            for name in getattr(rule, key)
            if name == rule.name or name not in spelt
        ]
        unknown = sorted(used - {"", *policy.formats})
        texts += [f"format {keys.shown_key(name)} is not in [formats]" for name in unknown]
        yield from (Fault(f"{place}: secret #{number} ({keys.shown_key(rule.name)})", text) for text in texts)


@functools.cache
def _table(name: str) -> keys.Table:
    table = bounded.parse_toml((POLICIES / f"{name}.toml").read_bytes(), name)
    whole = _laid_over(_table(table["extends"]), table) if "extends" in table else table
    return {key: value for key, value in whole.items() if key not in ("name", "recognised_by")}


def _laid_over(below: keys.Table, own: keys.Table) -> keys.Table:
    whole = below | own
    for key in below.keys() & own.keys():
        under, over = below[key], own[key]
        if isinstance(under, dict) and isinstance(over, dict):
            whole[key] = _laid_over(under, over)
        elif isinstance(over, list) and key == "secret":
            blocks = {block["name"]: block for block in under}
            whole[key] = [_block_over(blocks, block) for block in over] + list(blocks.values())
        elif isinstance(over, list) and JOINED.fullmatch(key):
            whole[key] = [*over, *(one for one in under if one not in over)]
    return whole


def _block_over(blocks: dict[str, keys.Table], own: Any) -> Any:
    if not isinstance(own, dict):
        return own
    is_dated = not own.get("exempt") and own.get("kind", "secret") == "secret"
    below = blocks.pop(str(own.get("name")), {})
    return {key: value for key, value in below.items() if is_dated or key != "max_age_days"} | own


def _with_period(rule: SecretRule, policy: Policy) -> SecretRule:
    stated = rule.max_age_days is not None
    dated = rule.kind == "secret" and not rule.exempt and (stated or not rule.public)
    return replace(
        rule,
        max_age_days=(rule.max_age_days or policy.default_max_age_days) if dated else None,
        period_stated=stated,
        strict_max_age_days=policy.strict_max_age_days if dated else None,
    )


def guide_rules(policy: Policy) -> tuple[GuideRule, ...]:
    """The numbered rules that a policy names, in the order of their file; `BadInput` with every fault of it,
    or for a name that leads out of the policy's folder."""
    name = policy.rules
    BadInput.unless(Path(name).name == name, policy.path.name, keys.FAULTS["not_bundled"])
    path = policy.path.parent / name if name.endswith(".toml") else POLICIES / "rules" / f"{name}.toml"
    return keys.checked(GuideRules, _read(path, path.name)[0] if name else {}, path.name).rule


def load_project(root: Path, ledger: Path | None = None, *, sample: bool = False) -> Project:
    """The project in a folder; `BadInput` with every fault of its audit.toml.

    AUDIT_TOML names one outside that is read in its place: what the project says of itself then counts for
    nothing. Without an audit.toml (in the folder or its .audit/) the default layout is assumed, and env-like
    files and logs are discovered beside it. `sample` says that the caller has just built it as a sample.
    """
    # Unlike the methods of a path, these raise for no name.
    BadInput.unless(os.path.isdir(root), "project", "is not a folder, or cannot be reached")  # noqa: PTH112
    root = Path(os.path.realpath(root))
    path, place = _layout_of(root)
    configured, project = path != DEFAULT_LAYOUT, _project(path, place, root)
    if project.key and not sample:
        # Else whoever may commit to a project could sign its ledger, and stop its clock.
        is_own = place == "audit.toml" and cache.recall_state("samples").get(str(root)) == _identity(root)
        BadInput.unless(is_own, place, keys.FAULTS["of_sample"])
    found = project if configured else discover.discover(project, bundled_policy(GENERIC))
    return replace(found, configured=configured, ledger=ledger)


def _layout_of(root: Path) -> tuple[Path, str]:
    if given := given_layout(root):
        return given, LAYOUT
    for place in ("policy.toml", ".audit/policy.toml"):  # of before 0.3.0: each key has a new place
        if os.path.lexists(root / place) and not keys.leads_out(place, root):
            texts = [
                f"{key} goes into audit.toml as it is"
                if key in (PLACE_KEYS | DEMAND_KEYS) - keys.MOVED.keys()
                else keys.unknown_key(key, [])
                for key in _read(root / place, place)[0]
            ]
            raise BadInput(Fault(place, text) for text in (keys.FAULTS["old_policy"], *texts))
    found = [place for place in PLACES if os.path.lexists(root / place)]
    if not found:
        return DEFAULT_LAYOUT, DEFAULT_LAYOUT.name
    BadInput.unless(len(found) == 1, "audit.toml", keys.FAULTS["twice"])
    BadInput.unless(not keys.leads_out(found[0], root), found[0], keys.FAULTS["linked"])
    return root / found[0], found[0]


def _project(path: Path, place: str, root: Path) -> Project:
    table, digest = _read(path, place)
    name = table.get("name") or re.sub(r"[^\w.-]+", "-", root.name).strip("-.")[:80] or "project"
    places = {key: value for key, value in table.items() if key in PLACE_KEYS} | {"name": name}
    demands = {key: value for key, value in table.items() if key not in PLACE_KEYS}
    faults, project, policy = list[Fault](), None, None
    try:
        # Nobody named the files of an assumed layout: reading refuses the links among them.
        project = keys.checked(Project, places, place, root=None if path == DEFAULT_LAYOUT else root)
    except BadInput as error:
        faults += error.faults
    else:
        zone, zoned = project.time_zone, "time_zone" in table
        project = replace(
            project,
            root=root,
            layout_sha256=digest,
            zone_declared=zoned,
            logins=tuple(replace(login, added=True) for login in project.logins),
            log_sources=tuple(
                replace(log, time_zone=(own := it.get("time_zone")) or zone, zone_declared=zoned or bool(own))
                for log, it in zip(project.log_sources, table.get("log", ()), strict=True)
            ),
        )
    if demands:
        base = table["extends"] if "extends" in table else _recognised(project) if project else GENERIC
        try:
            policy = _policy(demands | {"name": name, "extends": base}, digest, path, place)
        except BadInput as error:
            faults += error.faults
    if project and project.pinned_as_of and not project.key:
        # Else any project could stop its clock, and no secret would ever be too old.
        faults.append(Fault(place, keys.FAULTS["pinned"]))
    if not project or faults:
        raise BadInput(dict.fromkeys(faults))
    return replace(project, policy=policy)


def is_configured(root: Path) -> bool:
    """Whether a folder has an audit.toml, or one was given for it."""
    return bool(given_layout(root)) or any(os.path.lexists(root / place) for place in PLACES)


def choose_policy(project: Project, override: str = "") -> Policy:
    """The policy that `--policy` names, bundled or a file; else what audit.toml demands over what it extends.

    An audit.toml that extends nothing extends the bundled policy half of whose `recognised_by` the project
    names, else the generic one. Logins of audit.toml are in it; `BadInput` for a name that the policy has.
    """
    if override:
        policy = bundled_policy(override) if override in BUNDLED else load_policy(Path(override), override)
    else:
        policy = project.policy or bundled_policy(project.extends or _recognised(project))
    both = {login.name for login in policy.logins} & {login.name for login in project.logins}
    BadInput.unless(not both, "audit.toml", f"has the login {min(both, default='')}, which the policy has")
    return replace(policy, logins=policy.logins + project.logins)


def _recognised(project: Project) -> str:
    others = [bundled_policy(name) for name in BUNDLED if name != GENERIC]
    wanted = {name for policy in others for name in policy.recognised_by}
    held = {*env_variables(project), *read_code(project, wanted).variables}
    like = (one.name for one in others if 2 * len(held & {*one.recognised_by}) >= len(one.recognised_by))
    return next(like, GENERIC)


def given_layout(root: Path) -> Path | None:
    """The audit.toml that AUDIT_TOML names; `BadInput` if the project could have a say in which it is."""
    named = Path(os.environ.get(LAYOUT, "").strip())
    if named == Path():
        return None
    BadInput.unless(named.is_absolute() and ".." not in named.parts, LAYOUT, keys.FAULTS["not_absolute"])
    path = real_path(named, root, LAYOUT)
    BadInput.unless(not path.is_relative_to(root), LAYOUT, keys.FAULTS["own_layout"])
    BadInput.unless(path.is_file(), LAYOUT, "is not a file")
    return path


def real_path(path: Path, root: Path, place: str) -> Path:
    """Where a path leads that the reviewer names; `BadInput` if a link on its way lies in the project."""
    at = path.absolute()  # a link there is the word of whoever may commit to it, and could lead to any file
    for _ in range(40):  # as many links as the kernel follows
        link = next((part for part in (*reversed(at.parents), at) if part.is_symlink()), None)
        if link is None:
            return Path(os.path.realpath(path))
        outside = not Path(os.path.realpath(link.parent)).is_relative_to(root)
        BadInput.unless(outside, place, keys.FAULTS["linked_within"])
        at = link.parent / link.readlink() / at.relative_to(link)
    raise BadInput.at(place, "leads through too many symbolic links")


def remember_sample(folder: Path) -> bool:
    """Whether the folder is remembered as a sample; those that are gone are forgotten."""
    root, known = folder.resolve(), cache.recall_state("samples")
    kept = {place: identity for place, identity in known.items() if Path(place).is_dir()}
    return cache.remember_state("samples", kept | {str(root): _identity(root)})


def _identity(root: Path) -> str:
    # A file system gives the inode of a folder that was removed to the next one: it is not enough.
    facts, digest = root.stat(), _read(root / "audit.toml", "audit.toml")[1]
    return f"{facts.st_dev}:{facts.st_ino}:{digest}"


def dump(policy: Policy, project: Project | None = None) -> tuple[str, ...]:
    """The settings that are not as by default, one to a line: `secret API_TOKEN: max_age_days = 90`.

    They are sorted, without a project those of the policy alone; what looks like a value is a digest."""
    lines = list(_lines("policy: ", policy))
    if project is not None:
        own = "audit.toml" if project.policy and policy.path == project.policy.path else "the reviewer"
        lines += _lines("audit.toml: ", project)
        lines.append(f"policy: from = {'bundled' if policy.path.parent == POLICIES else own}")
        if project.formats:
            try:
                digest = files.read_source(project.root, project.formats, LARGEST_FORMATS).sha256
            except files.Unreadable as error:
                digest = f"not read: {error.state}"
            lines.append(f"audit.toml: formats digest = {digest}")
    return tuple(sorted(lines))


def difference(old: Iterable[str], new: Iterable[str]) -> tuple[str, ...]:
    """What is gone, `- line`, and what came, `+ line`, each beside what it replaces."""
    before, after = Counter(old), Counter(new)
    lines = [f"- {line}" for line in (before - after).elements()]
    lines += [f"+ {line}" for line in (after - before).elements()]
    return tuple(sorted(lines, key=lambda line: (line[2:].partition(" = ")[0], line[0] == "+", line)))


def digest_of_difference(lines: Iterable[str]) -> str:
    """Sixteen hexadecimal digits by which one difference is known; "" of none."""
    text = "\n".join(lines)
    return sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:16] if text else ""


def _lines(subject: str, block: Any, left_out: Collection[str] = _LEFT_OUT) -> Iterator[str]:
    if not isinstance(block, dict):
        adapter = keys.adapter_of(type(block))  # type: ignore[arg-type]
        block = adapter.dump_python(block, mode="json", exclude_defaults=True, warnings=False)
    for key, value in block.items():
        if left_out and (key in left_out or value in (None, "", [], {})):
            continue
        for part in value if isinstance(value, list) else [value]:
            if not isinstance(part, dict):
                yield f"{subject}{key} = {_text(part)}"
            elif isinstance(value, dict):
                yield from _lines(f"{subject}{key}.", part, ())
            else:
                name = next(part[one] for one in ("name", "path", "pattern") if one in part)
                word = f"{key.removesuffix('s').replace('_source', '')} {_text(name)}: "
                yield f"{word}declared"
                yield from _lines(word, part)


def _text(value: object) -> str:
    text = ascii(value)[1:-1] if isinstance(value, str) else str(value)
    return f"sha256:{sha256(text.encode()).hexdigest()[:16]}" if looks_generated(text) else text
