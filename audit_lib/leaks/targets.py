"""Which values are searched for, and how: everywhere, beside their name only, or not at all."""

from collections import defaultdict
from collections.abc import Collection, Iterable
from functools import partial
from typing import Any

import pandas as pd

from audit_lib.base.frames import rows
from audit_lib.leaks.candidates import reads_as_name
from audit_lib.leaks.contracts import LeakTargets
from audit_lib.leaks.rules import HASH, Shape
from audit_lib.secrecy import strength as values
from audit_lib.secrecy.keeper import Keeper
from audit_lib.secrecy.redact import SHORTEST, Redactor
from audit_lib.secrecy.strength import WEAKEST_BITS
from audit_lib.secrets.value_rules import hold
from audit_lib.settings import Policy
from audit_lib.settings.kinds import likely_kind, shape_by

_STRONG_BITS = 64  # a value of this strength is nobody's example, whatever a document calls it


def leak_targets(
    entries: pd.DataFrame, inventory: pd.DataFrame, policy: Policy, keeper: Keeper
) -> pd.DataFrame:
    """`LeakTargets`: every secret of every source, of a URL its password or, if that is weak, the URL."""
    columns = ["name", "fingerprint", "kind", "environment", "readings"]
    given = [(row, value) for row in rows(entries[columns]) for value in _readings(row, keeper)]
    settings = {value for row, value in given if not _is_secret(row.name, value, policy, keeper)}
    present = inventory[inventory["fingerprint"].notna() & inventory["state"].eq("present")]
    in_force = set(present[["variable", "environment", "fingerprint"]].itertuples(index=False, name=None))
    found: dict[str, list[tuple[str, str, bool, bool, str]]] = defaultdict(list)
    for row, whole in given:
        if not _is_secret(row.name, whole, policy, keeper):
            continue
        rule = policy.rule(row.name)
        by_value = "password" if keeper.ask(whole, values.has_password) else "whole"
        held = hold(keeper, whole, rule.component if rule else by_value)
        weak = weakness(held.part, keeper) if held.part else "holds no password"
        if not weak and keeper.ask(held.part, lambda value: value.casefold() == policy.name.casefold()):
            weak = "is the application's own name"
        fingerprint = held.whole if weak and held.component != "whole" else held.part
        if not weak and held.part in settings and not keeper.ask(held.part, values.looks_generated):
            weak = "is also the value of a setting"
        # One reading of a line is in force: a leak of any of them is as urgent as one of it.
        used = row.fingerprint is None and row.kind not in ("example", "backup")
        used = used or any((row.name, row.environment, one) in in_force for one in (fingerprint, held.part))
        markers = policy.placeholders + (rule.placeholders if rule else ())
        placeholder = keeper.ask(fingerprint, partial(values.is_placeholder, markers=markers))
        environment = row.environment if used else ""
        found[fingerprint].append((row.name, environment, row.kind == "example", placeholder, weak))
    made = []
    for fingerprint, some in sorted(found.items()):
        names, environments, examples, placeholders, reasons = zip(*some, strict=True)
        weak = reasons[0] or ("is a placeholder" if any(placeholders) else "")
        strong = keeper.ask(fingerprint, values.strength_bits) >= _STRONG_BITS
        template = any(placeholders) or (any(examples) and not strong)
        kind = "template" if template else "weak default" if weak else "leak"
        made.append(target(fingerprint, set(names), kind, weak))
        made[-1] |= {"in_force": ",".join(sorted({*environments} - {""}))}
    return LeakTargets.of(made)


def _readings(row: Any, keeper: Keeper) -> list[str]:
    """The value of an entry, or each that it may have; one with quotes is wherever the one without is."""
    if row.fingerprint is not None:
        return [row.fingerprint]
    several = row.readings.split(",") if row.readings else []
    bare = {one: keeper.part(one, lambda text: text.strip("\"'"), keep=False) for one in several}
    return several if len(several) == 1 else [one for one in several if bare[one] not in {*several} - {one}]


def _is_secret(name: str, fingerprint: str, policy: Policy, keeper: Keeper) -> bool:
    rule = policy.rule(name)
    shape = shape_by(lambda question: keeper.ask(fingerprint, question))
    return (rule.kind if rule else likely_kind(name, (shape,), policy)[0]) == "secret"


def weakness(fingerprint: str, keeper: Keeper) -> str:
    """Why a value is searched for beside its name alone; "" if it is searched for everywhere."""
    if keeper.ask(fingerprint, len) < SHORTEST:
        return f"has under {SHORTEST} characters"
    weak = keeper.ask(fingerprint, values.strength_bits) < WEAKEST_BITS
    return f"has under {WEAKEST_BITS} bits of strength" if weak else ""


def target(fingerprint: str, names: Iterable[str], kind: str, weak: str, reason: str = "") -> dict[str, Any]:
    """A row of LeakTargets of a value that is not in force; a weak one is searched for beside its name."""
    first, *more = sorted(names)
    return {
        "fingerprint": fingerprint,
        "variable": first,
        "names": ",".join([first, *more]),
        "in_force": "",
        "kind": kind,
        "searched": "beside its name" if weak else "everywhere",
        "reason": weak or reason,
    }


def with_found(
    targets: pd.DataFrame, shapes: Collection[Shape], keeper: Keeper, held: Collection[str]
) -> tuple[pd.DataFrame, dict[str, str]]:
    """`LeakTargets` with what rules found, and of each text of a chosen password whose value it holds."""
    again = targets["fingerprint"].isin({shape.text for shape in shapes})
    targets = targets.assign(searched=targets["searched"].mask(again, "everywhere"))
    known = set(targets["fingerprint"])
    everywhere = set(targets.loc[targets["searched"].eq("everywhere"), "fingerprint"])
    everywhere |= {shape.fingerprint for shape in shapes if not shape.text}
    found: dict[str, list[Shape]] = defaultdict(list)
    names: dict[str, set[str]] = defaultdict(set)
    for shape in sorted(shapes):
        if shape.fingerprint not in (everywhere if shape.text else known) and shape.text not in everywhere:
            found[shape.text or shape.fingerprint].append(shape)
            names[shape.fingerprint].add(shape.name)
    shown, made = shown_names({name for some in names.values() for name in some}, keeper, held), []
    for fingerprint, some in sorted(found.items()):
        named, rules = names[some[0].fingerprint] & shown, sorted({one.rule for one in some})
        if some[0].text:
            name = max(named, key=lambda name: (len(name), name), default="") or rules[0]
            row = target(fingerprint, [name], "possible", "may be a password that somebody chose")
        elif HASH in rules:
            row = target(fingerprint, [HASH], "hash", "", "a password can be guessed from its hash")
        else:
            weak = weakness(fingerprint, keeper) if named else ""
            why = f"looks like a secret: {', '.join(rules)}"
            row = target(fingerprint, named or rules, "pattern", weak, why)
        made.append(row)
    owners = {text: some[0].fingerprint for text, some in found.items() if some[0].text}
    return LeakTargets.checked(pd.concat([targets, LeakTargets.of(made)])), owners


def shown_names(names: Collection[str], keeper: Keeper, held: Collection[str]) -> set[str]:
    """Of the names those that variables may have, and that share no twelve characters with a strong value."""
    possible = {name for name in names if reads_as_name(name)}
    strong = {value for value in held if possible and keeper.ask(value, values.strength_bits) >= _STRONG_BITS}
    redactor = Redactor.of(keeper, strong)
    return {name for name in possible if redactor.text(name) == name}
