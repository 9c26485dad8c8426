"""Which values are searched for, and how: everywhere, beside their name only, or not at all."""

from collections.abc import Collection, Iterator
from functools import partial
from typing import Any

import pandas as pd

from audit_lib.leaks.candidates import reads_as_name
from audit_lib.leaks.contracts import LeakTargets
from audit_lib.leaks.rules import HASH, Shape
from audit_lib.secrecy import strength as values
from audit_lib.secrecy.forms import SHORTEST
from audit_lib.secrecy.keeper import Keeper
from audit_lib.secrecy.redact import WEAKEST_BITS, Redactor
from audit_lib.secrecy.strength import strength_bits
from audit_lib.secrets.value_rules import hold
from audit_lib.settings import Policy
from audit_lib.settings.kinds import likely_kind, shape_by

_STRONG_BITS = 64  # a value of this strength is nobody's example, whatever a document calls it
_CHOSEN = "may be a password that somebody chose"
_HASHED = "a password can be guessed from its hash"


def leak_targets(
    entries: pd.DataFrame, inventory: pd.DataFrame, policy: Policy, keeper: Keeper
) -> pd.DataFrame:
    """`LeakTargets`: every secret of every source, earlier values of backups among them.

    In force is what the Inventory holds. Of a URL the password is searched for; if that is weak, the URL
    beside its name.
    """
    given = list(_values(entries, keeper))
    settings = {whole for name, whole, *_ in given if not _is_secret(name, whole, policy, keeper)}
    present = inventory[inventory["fingerprint"].notna() & inventory["state"].eq("present")]
    in_force = set(present[["variable", "environment", "fingerprint"]].itertuples(index=False, name=None))
    found = []
    for name, whole, kind, environment, is_known in given:
        if _is_secret(name, whole, policy, keeper):
            fingerprint, part, weak = _searchable(name, whole, policy, keeper)
            if not weak and part in settings and not keeper.ask(part, values.looks_generated):
                weak = "is also the value of a setting"
            # One reading of a line is in force: a leak of any of them is as urgent as one of it.
            used = not is_known and kind not in ("example", "backup")
            used = used or not in_force.isdisjoint((name, environment, one) for one in (fingerprint, part))
            rule = policy.rule(name)
            markers = policy.placeholders + (rule.placeholders if rule else ())
            placeholder = keeper.ask(fingerprint, partial(values.is_placeholder, markers=markers))
            found.append(
                (fingerprint, name, environment if used else "", kind == "example", placeholder, weak)
            )
    columns = ["fingerprint", "name", "in_force", "example", "placeholder", "weak"]
    groups = pd.DataFrame(found, columns=columns).groupby("fingerprint")
    return LeakTargets.of(_given_row(str(value), group, keeper) for value, group in groups)


def _values(entries: pd.DataFrame, keeper: Keeper) -> Iterator[tuple[str, str, str, str, bool]]:
    """Name, fingerprint, kind of source and environment of each value, or of each reading of one not known;
    one with quotes occurs wherever the one without them does."""
    columns = ["name", "fingerprint", "kind", "environment", "readings"]
    for name, known, kind, environment, readings in entries[columns].itertuples(index=False, name=None):
        several = [known] if pd.notna(known) else readings.split(",") if readings else []
        for fingerprint in several:
            bare = keeper.part(fingerprint, lambda value: value.strip("\"'"), keep=False)
            if len(several) == 1 or bare not in set(several) - {fingerprint}:
                yield name, fingerprint, kind, environment, pd.notna(known)


def _is_secret(name: str, fingerprint: str, policy: Policy, keeper: Keeper) -> bool:
    rule = policy.rule(name)
    shape = shape_by(lambda question: keeper.ask(fingerprint, question))
    return (rule.kind if rule else likely_kind(name, (shape,), policy)[0]) == "secret"


def _searchable(name: str, fingerprint: str, policy: Policy, keeper: Keeper) -> tuple[str, str, str]:
    """The fingerprint to search for, that of the secret part, and why only beside its name, or ""."""
    rule = policy.rule(name)
    by_value = "password" if keeper.ask(fingerprint, values.has_password) else "whole"
    held = hold(keeper, fingerprint, rule.component if rule else by_value)
    weak = weakness(held.part, keeper) if held.part else "holds no password"
    if not weak and keeper.ask(held.part, lambda value: value.casefold() == policy.name.casefold()):
        weak = "is the application's own name"
    return (held.whole if weak and held.component != "whole" else held.part), held.part, weak


def weakness(fingerprint: str, keeper: Keeper) -> str:
    """Why a value is searched for beside its name alone; "" if it is searched for everywhere."""
    if keeper.ask(fingerprint, len) < SHORTEST:
        return f"has under {SHORTEST} characters"
    weak = keeper.ask(fingerprint, strength_bits) < WEAKEST_BITS
    return f"has under {WEAKEST_BITS} bits of strength" if weak else ""


def _given_row(fingerprint: str, group: pd.DataFrame, keeper: Keeper) -> dict[str, Any]:
    placeholder = bool(group["placeholder"].any())
    strong = keeper.ask(fingerprint, strength_bits) >= _STRONG_BITS
    why = group["weak"].iloc[0] or ("is a placeholder" if placeholder else "")
    kind = (
        "template"
        if placeholder or (group["example"].any() and not strong)
        else "weak default"
        if why
        else "leak"
    )
    in_force = ",".join(sorted(set(group["in_force"]) - {""}))
    return target(fingerprint, sorted(set(group["name"])), kind, why) | {"in_force": in_force}


def target(fingerprint: str, names: list[str], kind: str, weak: str) -> dict[str, Any]:
    """A row of LeakTargets of a value that is not in force; a weak one is searched for beside its name."""
    return {
        "fingerprint": fingerprint, "variable": names[0], "names": ",".join(names), "in_force": "",
        "kind": kind, "searched": "beside its name" if weak else "everywhere", "reason": weak,
    }  # fmt: skip


def with_found(
    targets: pd.DataFrame, shapes: Collection[Shape], keeper: Keeper, held: Collection[str]
) -> tuple[pd.DataFrame, dict[str, str]]:
    """`LeakTargets` with what rules found, and of each text of a chosen password whose value it holds.

    A value that is known stays what it is. A chosen one is a word or little more: only with its name, as it
    stands, is it searched for. An address that a source gives, too, is from then on searched for everywhere.
    Of a name that may be a piece of a value, such as one of those `held` by sources, the rule is the name.
    """
    again = targets["fingerprint"].isin({shape.text for shape in shapes})
    targets = targets.assign(searched=targets["searched"].mask(again, "everywhere"))
    known, everywhere = (
        set(targets["fingerprint"]),
        set(targets.loc[targets["searched"].eq("everywhere"), "fingerprint"]),
    )
    everywhere |= {shape.fingerprint for shape in shapes if not shape.text}
    found: dict[str, list[Shape]] = {}
    for shape in sorted(shapes):
        if shape.fingerprint not in (everywhere if shape.text else known) and shape.text not in everywhere:
            found.setdefault(shape.text or shape.fingerprint, []).append(shape)
    shown = shown_names({shape.name for some in found.values() for shape in some}, keeper, held)
    chosen: dict[str, set[str]] = {}  # by value the names that can be shown
    for shape in (one for text, some in found.items() for one in some if one.text == text):
        chosen.setdefault(shape.fingerprint, set()).update({shape.name} & shown)
    made = []
    for fingerprint, some in sorted(found.items()):
        names, rules = sorted({one.name for one in some} & shown), sorted({one.rule for one in some})
        if some[0].text:
            longest = sorted(chosen[some[0].fingerprint], key=lambda name: (len(name), name))[-1:]
            made.append(target(fingerprint, longest or rules[:1], "possible", _CHOSEN))
        elif HASH in rules:
            made.append(target(fingerprint, rules, "hash", "") | {"reason": _HASHED})
        else:
            weak = weakness(fingerprint, keeper) if names else ""
            reason = {"reason": weak or f"looks like a secret: {', '.join(rules)}"}
            made.append(target(fingerprint, names or rules, "pattern", weak) | reason)
    owners = {text: some[0].fingerprint for text, some in found.items() if some[0].text}
    return LeakTargets.checked(pd.concat([targets, LeakTargets.of(made)])), owners


def shown_names(names: Collection[str], keeper: Keeper, held: Collection[str]) -> set[str]:
    """Of the names those that variables may have: none is like a piece of a generated value, and none shares
    twelve characters with a strong value of sources, which the guard takes out of every output."""
    possible = {name for name in names if reads_as_name(name)}
    strong = {value for value in held if possible and keeper.ask(value, strength_bits) >= _STRONG_BITS}
    redactor = Redactor.of(keeper, strong)
    return {name for name in possible if redactor.text(name) == name}
