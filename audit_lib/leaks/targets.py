"""Which values are searched for, and how: everywhere, beside their name only, or not at all."""

from collections.abc import Collection
from functools import partial
from typing import Any

import pandas as pd

from audit_lib.leaks.candidates import reads_as_name
from audit_lib.leaks.contracts import LeakTargets
from audit_lib.leaks.rules import HASH, Shape
from audit_lib.secrecy import strength as values
from audit_lib.secrecy.keeper import Keeper
from audit_lib.secrecy.matcher import SHORTEST
from audit_lib.secrecy.redact import Redactor
from audit_lib.secrecy.strength import WEAKEST_BITS
from audit_lib.secrets.value_rules import hold
from audit_lib.settings import Policy
from audit_lib.settings.kinds import likely_kind, shape_by

_STRONG_BITS = 64  # a value of this strength is nobody's example, whatever a document calls it


def leak_targets(
    entries: pd.DataFrame, inventory: pd.DataFrame, policy: Policy, keeper: Keeper
) -> pd.DataFrame:
    """`LeakTargets`: every secret of every source, earlier values of backups among them, of a URL its
    password or, if that is weak, the URL beside its name. In force is what the Inventory holds."""
    columns = ["name", "fingerprint", "kind", "environment", "readings"]
    # Of a value that is not known each reading; one with quotes occurs wherever the one without them does.
    given = [
        (name, value, kind, environment, pd.notna(known))
        for name, known, kind, environment, readings in entries[columns].itertuples(index=False, name=None)
        for several in [[known] if pd.notna(known) else readings.split(",") if readings else []]
        for value in several
        if len(several) == 1
        or keeper.part(value, lambda text: text.strip("\"'"), keep=False) not in set(several) - {value}
    ]
    settings = {value for name, value, *_ in given if not _is_secret(name, value, policy, keeper)}
    present = inventory[inventory["fingerprint"].notna() & inventory["state"].eq("present")]
    in_force = set(present[["variable", "environment", "fingerprint"]].itertuples(index=False, name=None))
    found: dict[str, list[tuple[str, str, bool, bool, str]]] = {}
    for name, whole, kind, environment, is_known in given:
        if not _is_secret(name, whole, policy, keeper):
            continue
        rule = policy.rule(name)
        by_value = "password" if keeper.ask(whole, values.has_password) else "whole"
        held = hold(keeper, whole, rule.component if rule else by_value)
        weak = weakness(held.part, keeper) if held.part else "holds no password"
        if not weak and keeper.ask(held.part, lambda value: value.casefold() == policy.name.casefold()):
            weak = "is the application's own name"
        fingerprint = held.whole if weak and held.component != "whole" else held.part
        if not weak and held.part in settings and not keeper.ask(held.part, values.looks_generated):
            weak = "is also the value of a setting"
        # One reading of a line is in force: a leak of any of them is as urgent as one of it.
        used = not is_known and kind not in ("example", "backup")
        used = used or not in_force.isdisjoint((name, environment, one) for one in (fingerprint, held.part))
        markers = policy.placeholders + (rule.placeholders if rule else ())
        placeholder = keeper.ask(fingerprint, partial(values.is_placeholder, markers=markers))
        facts = (name, environment if used else "", kind == "example", placeholder, weak)
        found.setdefault(fingerprint, []).append(facts)
    made = []
    for fingerprint, some in sorted(found.items()):
        names, places, examples, placeholders, reasons = zip(*some, strict=True)
        weak = reasons[0] or ("is a placeholder" if any(placeholders) else "")
        strong = keeper.ask(fingerprint, values.strength_bits) >= _STRONG_BITS
        template = any(placeholders) or (any(examples) and not strong)
        row = target(
            fingerprint,
            sorted(set(names)),
            "template" if template else "weak default" if weak else "leak",
            weak,
        )
        made.append(row | {"in_force": ",".join(sorted({*places} - {""}))})
    return LeakTargets.of(made)


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


def target(fingerprint: str, names: list[str], kind: str, weak: str) -> dict[str, Any]:
    """A row of LeakTargets of a value that is not in force; a weak one is searched for beside its name."""
    row = {"fingerprint": fingerprint, "variable": names[0], "names": ",".join(names), "in_force": ""}
    return row | {"kind": kind, "searched": "beside its name" if weak else "everywhere", "reason": weak}


def with_found(
    targets: pd.DataFrame, shapes: Collection[Shape], keeper: Keeper, held: Collection[str]
) -> tuple[pd.DataFrame, dict[str, str]]:
    """`LeakTargets` with what rules found, and of each text of a chosen password whose value it holds.

    What is known stays what it is. A chosen value is searched for with its name alone; an address that a
    source gives, too, everywhere. Of a name that may be a piece of a value the rule is the name.
    """
    again = targets["fingerprint"].isin({shape.text for shape in shapes})
    targets = targets.assign(searched=targets["searched"].mask(again, "everywhere"))
    known = set(targets["fingerprint"])
    everywhere = set(targets.loc[targets["searched"].eq("everywhere"), "fingerprint"])
    everywhere |= {shape.fingerprint for shape in shapes if not shape.text}
    found: dict[str, list[Shape]] = {}
    for shape in sorted(shapes):
        if shape.fingerprint not in (everywhere if shape.text else known) and shape.text not in everywhere:
            found.setdefault(shape.text or shape.fingerprint, []).append(shape)
    shown = shown_names({shape.name for some in found.values() for shape in some}, keeper, held)
    chosen: dict[str, str] = {}  # by value the longest name that can be shown
    for shape in (one for text, some in found.items() for one in some if one.text == text):
        both = (shape.name if shape.name in shown else "", chosen.get(shape.fingerprint, ""))
        chosen[shape.fingerprint] = max(both, key=lambda name: (len(name), name))
    made = []
    for fingerprint, some in sorted(found.items()):
        names, rules = sorted({one.name for one in some} & shown), sorted({one.rule for one in some})
        if some[0].text:
            name = chosen[some[0].fingerprint] or rules[0]
            row = target(fingerprint, [name], "possible", "may be a password that somebody chose")
        elif HASH in rules:
            row = target(fingerprint, [HASH], "hash", "") | {
                "reason": "a password can be guessed from its hash"
            }
        else:
            row = target(
                fingerprint, names or rules, "pattern", weakness(fingerprint, keeper) if names else ""
            )
            row["reason"] = row["reason"] or f"looks like a secret: {', '.join(rules)}"
        made.append(row)
    owners = {text: some[0].fingerprint for text, some in found.items() if some[0].text}
    return LeakTargets.checked(pd.concat([targets, LeakTargets.of(made)])), owners


def shown_names(names: Collection[str], keeper: Keeper, held: Collection[str]) -> set[str]:
    """Of the names those that variables may have: none is like a piece of a generated value, and none shares
    twelve characters with a strong value of sources, which the guard takes out of every output."""
    possible = {name for name in names if reads_as_name(name)}
    strong = {value for value in held if possible and keeper.ask(value, values.strength_bits) >= _STRONG_BITS}
    redactor = Redactor.of(keeper, strong)
    return {name for name in possible if redactor.text(name) == name}
