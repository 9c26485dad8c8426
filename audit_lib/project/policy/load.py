"""Reads a policy file: everything is checked, and all its faults are reported at once."""

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any, TypeVar

from audit_lib.base.bounded_patterns import is_expression
from audit_lib.base.bounded_toml import parse_toml
from audit_lib.base.errors import BadInput, Fault
from audit_lib.base.severities import SEVERITIES
from audit_lib.base.toml_table import TomlTable, read_text_file, shown_name
from audit_lib.project import ENVIRONMENTS
from audit_lib.project.logins import read_logins
from audit_lib.project.policy.alerts import read_alerts
from audit_lib.project.policy.rules import (
    CLASSES,
    COMPONENTS,
    KINDS,
    OVERLAPS,
    REQUIREMENTS,
    Consumer,
    Policy,
    SecretRule,
    metadata_by_name,
    read_consumers,
    read_greps,
    read_metadata,
)

BUNDLED = Path(__file__).with_name("bundled")
FACTS = (
    *("entry", "purpose", "reach", "reason", "required", "format", "length", "example", "placeholder"),
    *("pairing", "exposure", "period", "generate", "obtain", "revoke", "rotate", "platform", "expected"),
)
# Tables that others own: they are passed on in Policy.options and checked where they are read.
OPTION_TABLES = (
    *("access", "attestations", "detections", "controls", "due_days", "emergency", "platform", "startup"),
)
_WORDS = {
    "required": REQUIREMENTS,
    "required_in": ENVIRONMENTS,
    "component": COMPONENTS,
    "classes": CLASSES,
    "exposure_severity": SEVERITIES,
    "restart": ("restart", "rebuild"),
    "overlap": OVERLAPS,
}
Named = TypeVar("Named", SecretRule, Consumer)
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,127}")


def bundled_names() -> tuple[str, ...]:
    """The names of the policies that come with the program."""
    return tuple(sorted(path.stem for path in BUNDLED.glob("*.toml")))


@cache
def bundled_policy(name: str) -> Policy:
    """A policy that comes with the program, by its name; `BadInput` if no policy has that name."""
    if name not in bundled_names():
        raise BadInput.at(
            f"policy {shown_name(name)}", f"is not a bundled policy: {', '.join(bundled_names())}"
        )
    return load_policy(BUNDLED / f"{name}.toml")


def load_policy(path: Path, place: str = "") -> Policy:
    """The policy of a TOML file, with what it extends; `BadInput` with every fault of the file.

    `place` names the file in faults and defaults to its own name.
    """
    place = place or path.name
    content = read_text_file(path, place)
    faults: list[Fault] = []
    table = TomlTable(parse_toml(content, place), place, faults)
    base = _base(table, path)
    policy = _policy(table, path, sha256(content).hexdigest(), base)
    table.close()
    faults.extend(_cross_faults(policy, place))
    if faults:
        raise BadInput(faults)
    return policy


def _base(table: TomlTable, path: Path) -> Policy | None:
    name = table.text("extends")
    if not name:
        return None
    others = tuple(other for other in bundled_names() if BUNDLED / f"{other}.toml" != path)
    if name not in others:
        table.fault(f"extends must be one of {', '.join(others)}")
        return None
    return bundled_policy(name)


def _policy(table: TomlTable, path: Path, digest: str, base: Policy | None) -> Policy:
    under = base or Policy(name="", path=path, sha256="", secrets=())
    period = table.number("default_max_age_days", under.default_max_age_days, 1)
    strict = table.number("strict_max_age_days", under.strict_max_age_days, 1)
    policy = Policy(
        name=table.text("name", needed=True),
        path=path,
        sha256=digest,
        secrets=(),
        title=table.text("title"),
        extends=base.name if base else "",
        formats={**under.formats, **_formats(table)},
        placeholders=_joined(under.placeholders, table.texts("placeholders")),
        public_prefixes=_joined(under.public_prefixes, table.texts("public_prefixes")),
        secret_names=_joined(under.secret_names, table.texts("secret_names")),
        secret_url_names=_joined(under.secret_url_names, table.texts("secret_url_names")),
        compromised=_joined(under.compromised, _digests(table, "compromised")),
        warn_days=table.number("warn_days", under.warn_days) or 0,
        default_max_age_days=period or under.default_max_age_days,
        strict_max_age_days=strict,
        guide_sha256="".join(_digests(table, "guide_sha256")) or under.guide_sha256,
        recognised_by=table.texts("recognised_by"),
        recognised_at_least=table.number("recognised_at_least", 1, 1) or 1,
        greps=read_greps(table) if table.has("grep") else under.greps,
        alerts=read_alerts(table) if table.has("alerts") else under.alerts,
        rules=table.text("rules") or under.rules,
        logins=read_logins(table) if table.has("logins") else under.logins,
        options=_laid_over(under.options, _options(table)),
    )
    own = tuple(_secret(inner, policy) for inner in table.tables("secret"))
    consumers = read_consumers(table)
    rules = _over(under.secrets, own)
    metadata = metadata_by_name(table, {rule.name: rule.metadata for rule in rules})
    secrets = tuple(replace(rule, metadata=metadata[rule.name]) for rule in rules)
    return replace(policy, secrets=secrets, consumers=_over(under.consumers, consumers))


def _over(under: tuple[Named, ...], own: tuple[Named, ...]) -> tuple[Named, ...]:
    """The own, then those below whose names the own do not have."""
    names = {one.name for one in own}
    return own + tuple(one for one in under if one.name not in names)


def _joined(*lists: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(value for values in lists for value in values))


def _formats(table: TomlTable) -> dict[str, str]:
    formats = {}
    for name, pattern in table.texts_by_name("formats").items():
        formats[name] = rf"\A(?:{pattern})\Z"
        if not is_expression(formats[name]):
            table.fault(f"formats.{shown_name(name)} is not a regular expression (a flag is written (?i:…))")
    return formats


def _digests(table: TomlTable, key: str) -> tuple[str, ...]:
    one = isinstance(table.values.get(key), str)
    digests = (table.text(key),) if one else table.texts(key)
    for number, digest in enumerate(digests, 1):
        # The text itself is not repeated: someone may have put the value there instead.
        if not re.fullmatch(r"[0-9a-f]{64}", digest):
            table.fault(f"{key}{'' if one else f' #{number}'} must be a SHA-256 (64 hexadecimal digits)")
    return digests


def _laid_over(under: Mapping[str, Any], own: Mapping[str, Any]) -> dict[str, Any]:
    """The tables of both, key by key, tables within them too; where both have a key the own holds."""
    inner = {
        key: _laid_over(under[key], value)
        for key, value in own.items()
        if isinstance(value, dict) and isinstance(under.get(key), dict)
    }
    return {**under, **own, **inner}


def _options(table: TomlTable) -> dict[str, Any]:
    return {key: table.anything(key) for key in OPTION_TABLES if table.has(key)}


def _secret(table: TomlTable, policy: Policy) -> SecretRule:
    name = table.text("name", needed=True)
    if name and not _VARIABLE.fullmatch(name):
        table.fault("name must be the name of a variable")
    kind = table.text("kind", "secret", among=KINDS)
    exempt = kind != "secret" or table.flag("exempt")
    period = table.number("max_age_days", None, 1)
    if exempt and period is not None:
        table.fault("has a max_age_days, but is exempt from rotation")
    lines = table.numbers_by_name("lines")
    for fact in sorted(set(lines) - set(FACTS)):
        table.fault(f"lines.{shown_name(fact)} must be one of {', '.join(FACTS)}")
    rule = table.filled(
        SecretRule,
        _WORDS,
        name=name,
        kind=kind,
        metadata=read_metadata(table),
        missing_severity=table.text("missing_severity", "high" if kind == "secret" else "", among=SEVERITIES),
        expected=table.texts_by_name("expected", ENVIRONMENTS),
        environment_formats=table.texts_by_name("environment_formats", ENVIRONMENTS),
        max_age_days=None if exempt else period or policy.default_max_age_days,
        period_stated=period is not None and not exempt,
        strict_max_age_days=None if exempt else policy.strict_max_age_days,
        lines=lines,
    )
    if rule.good_length and rule.good_length < rule.min_length:
        table.fault("good_length is less than min_length")
    if rule.expected and kind == "secret":
        table.fault("expected would contain a secret's value: only a setting or an identifier may have one")
    table.close()
    return rule


def _cross_faults(policy: Policy, place: str) -> list[Fault]:
    faults = []
    spelt = [name for rule in policy.secrets for name in (rule.name, *rule.aliases)]
    for name, count in sorted(Counter(spelt).items()):
        if name and count > 1:
            faults.append(Fault(place, f"secret {shown_name(name)} appears {count} times (as name or alias)"))
    for number, rule in enumerate(policy.secrets, 1):
        here = f"{place}: secret #{number} ({shown_name(rule.name)})"
        for word in ("equals", "differs", "rotates_with"):
            for other in getattr(rule, word):
                if other == rule.name or policy.rule(other) is None:
                    faults.append(
                        Fault(here, f"{word} {shown_name(other)} must name another variable of the policy")
                    )
        used = (rule.format, rule.usual_format, *rule.forbidden_formats, *rule.environment_formats.values())
        unknown = sorted({name for name in used if name and name not in policy.formats})
        faults.extend(Fault(here, f"format {shown_name(name)} is not in [formats]") for name in unknown)
    return faults
