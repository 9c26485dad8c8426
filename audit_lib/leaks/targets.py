"""Which values are searched for, and how: everywhere, beside their name only, or not at all."""

from collections.abc import Collection, Iterable, Iterator
from functools import partial
from typing import Any

import pandas as pd

from audit_lib.leaks.contracts import LeakTargets
from audit_lib.leaks.rules import Shape
from audit_lib.leaks.words import reads_as_name
from audit_lib.secrecy import value_questions as values
from audit_lib.secrecy.forms import SHORTEST
from audit_lib.secrecy.keeper import Keeper
from audit_lib.secrecy.redact import WEAKEST_BITS, Redactor
from audit_lib.secrecy.strength import strength_bits
from audit_lib.secrets.value_rules import hold
from audit_lib.settings import Policy
from audit_lib.settings.kinds import likely_kind, shape_by

_SHORTEST_PART = 10  # characters of a copy that is cut short
_AROUND = "\"'`()[]{}<>,;"
_STRONG_BITS = 64  # a value of this strength is nobody's example, whatever a document calls it
_NOT_IN_FORCE = ("example", "backup")


def leak_targets(
    entries: pd.DataFrame, inventory: pd.DataFrame, policy: Policy, keeper: Keeper
) -> pd.DataFrame:
    """`LeakTargets`: every secret of every source, earlier values of backups among them.

    In force is what the Inventory holds. Of a URL the password is searched for; where that is weak,
    the URL beside its name.
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
            used = not is_known and kind not in _NOT_IN_FORCE
            used = used or any((name, environment, value) in in_force for value in (fingerprint, part))
            rule = policy.rule(name)
            markers = policy.placeholders + (rule.placeholders if rule else ())
            placeholder = keeper.ask(fingerprint, partial(values.is_placeholder, markers=markers))
            found.append((fingerprint, name, environment if used else "", kind == "example", placeholder, weak))
    columns = ["fingerprint", "name", "in_force", "example", "placeholder", "weak"]
    groups = pd.DataFrame(found, columns=columns).groupby("fingerprint")
    return LeakTargets.of(_given_row(str(value), group, keeper) for value, group in groups)


def _values(entries: pd.DataFrame, keeper: Keeper) -> Iterator[tuple[str, str, str, str, bool]]:
    """Name, fingerprint, kind of source, environment of each value, and of each reading of one not known.

    A reading with quotes occurs wherever the one without them does: it is the same leak.
    """
    columns = ["name", "fingerprint", "kind", "environment", "readings"]
    for name, known, kind, environment, readings in entries[columns].itertuples(index=False, name=None):
        several = [known] if pd.notna(known) else readings.split(",") if readings else []
        for fingerprint in several:
            bare = keeper.part(fingerprint, lambda value: value.strip("\"'"), keep=False)
            if len(several) == 1 or bare not in set(several) - {fingerprint}:
                yield name, fingerprint, kind, environment, pd.notna(known)


def _is_secret(name: str, fingerprint: str, policy: Policy, keeper: Keeper) -> bool:
    rule = policy.rule(name)
    if rule is not None:
        return rule.kind == "secret"
    shape = shape_by(lambda question: keeper.ask(fingerprint, question))
    return likely_kind(name, (shape,), policy)[0] == "secret"


def _searchable(name: str, fingerprint: str, policy: Policy, keeper: Keeper) -> tuple[str, str, str]:
    """The fingerprint to search for, that of the secret part, and why only beside its name, or ""."""
    rule = policy.rule(name)
    by_value = "password" if keeper.ask(fingerprint, values.has_password) else "whole"
    held = hold(keeper, fingerprint, rule.component if rule else by_value)
    weak = weakness(held.part, keeper) if held.part else "holds no password"
    own_name = policy.name.casefold()
    if not weak and keeper.ask(held.part, lambda value: value.casefold() == own_name):
        weak = "is the application's own name"
    return (held.whole if weak and held.component != "whole" else held.part), held.part, weak


def weakness(fingerprint: str, keeper: Keeper) -> str:
    """Why a value is searched for beside its name alone; "" if it is searched for everywhere."""
    if keeper.ask(fingerprint, len) < SHORTEST:
        return f"has under {SHORTEST} characters"
    if keeper.ask(fingerprint, strength_bits) < WEAKEST_BITS:
        return f"has under {WEAKEST_BITS} bits of strength"
    return ""


def _given_row(fingerprint: str, group: pd.DataFrame, keeper: Keeper) -> dict[str, Any]:
    placeholder = bool(group["placeholder"].any())
    strong = keeper.ask(fingerprint, strength_bits) >= _STRONG_BITS
    template = placeholder or (group["example"].any() and not strong)
    why = group["weak"].iloc[0] or ("is a placeholder" if placeholder else "")
    kind = "template" if template else "weak default" if why else "leak"
    in_force = ",".join(sorted(set(group["in_force"]) - {""}))
    return _row(fingerprint, sorted(set(group["name"])), kind, why) | {"in_force": in_force, "reason": why}


def _row(fingerprint: str, names: list[str], kind: str, weak: str) -> dict[str, Any]:
    return {
        "fingerprint": fingerprint,
        "variable": names[0],
        "names": ",".join(names),
        "in_force": "",
        "kind": kind,
        "searched": "beside its name" if weak else "everywhere",
        "reason": weak,
    }


def target_of(fingerprint: str, variable: str, keeper: Keeper) -> pd.DataFrame:
    """`LeakTargets` of one value that the keeper holds."""
    return LeakTargets.of([_row(fingerprint, [variable], "leak", weakness(fingerprint, keeper))])


def with_patterns(
    targets: pd.DataFrame, shapes: Iterable[Shape], keeper: Keeper, held: Collection[str]
) -> pd.DataFrame:
    """`LeakTargets` with what patterns found: whoever gave it, a value that is known stays what it is.

    Of a name that may be a piece of a value, such as one of those `held` by sources, the rule is the name.
    """
    known = set(targets["fingerprint"])
    new = sorted({shape for shape in shapes if shape.fingerprint not in known})
    parts = _parts({shape.fingerprint for shape in new}, known, keeper)
    shown = shown_names({shape.name for shape in new}, keeper, held)
    found: dict[str, list[Shape]] = {}
    for shape in new:
        whole = shape.fingerprint
        while whole in parts:
            whole = parts[whole]
        if whole not in known:
            found.setdefault(whole, []).append(shape)
    made = []
    for fingerprint, some in found.items():
        names = sorted({shape.name for shape in some}.intersection(shown))
        rules = sorted({shape.rule for shape in some})
        weak = weakness(fingerprint, keeper) if names else ""
        reason = weak or f"looks like a secret: {', '.join(rules)}"
        made.append(_row(fingerprint, names or rules, "pattern", weak) | {"reason": reason})
    return _with(targets, made)


def with_chosen(
    targets: pd.DataFrame, shapes: Collection[Shape], keeper: Keeper, held: Collection[str]
) -> tuple[pd.DataFrame, dict[str, str]]:
    """`LeakTargets` with the texts of chosen passwords and their names, and whose value each holds.

    Such a value is a word or little more: only with its name, as it stands, is it searched for. An
    address that a source gives beside its name says enough by itself to be searched for everywhere.
    """
    again = targets["fingerprint"].isin({shape.text for shape in shapes})
    targets = targets.assign(searched=targets["searched"].mask(again, "everywhere"))
    known = set(targets.loc[targets["searched"].eq("everywhere"), "fingerprint"])
    found = {shape.text: shape for shape in sorted(shapes, reverse=True)}
    found = {text: one for text, one in found.items() if known.isdisjoint((one.fingerprint, text))}
    shown = shown_names({shape.name for shape in found.values()}, keeper, held)
    names: dict[str, str] = {}  # of each value that which says most
    for shape in sorted(found.values(), key=lambda one: (one.name in shown, len(one.name), one.name)):
        names[shape.fingerprint] = shape.name if shape.name in shown else shape.rule
    why = "may be a password that somebody chose"
    made = [_row(text, [names[found[text].fingerprint]], "possible", why) for text in sorted(found)]
    return _with(targets, made), {text: shape.fingerprint for text, shape in found.items()}


def with_hashes(targets: pd.DataFrame, hashes: Iterable[str]) -> pd.DataFrame:
    """`LeakTargets` with hashes of passwords, by fingerprint, that are no secret of the project's own."""
    why = {"reason": "a password can be guessed from its hash"}
    new = sorted(set(hashes) - set(targets["fingerprint"]))
    return _with(targets, [_row(found, ["hash of a password"], "hash", "") | why for found in new])


def _with(targets: pd.DataFrame, made: list[dict[str, Any]]) -> pd.DataFrame:
    return LeakTargets.checked(pd.concat([targets, LeakTargets.of(made)])) if made else targets


def _parts(found: Collection[str], known: Collection[str], keeper: Keeper) -> dict[str, str]:
    """Of the values found, by fingerprint, each that is part of one of them or of the known, and of which.

    Where the part is, a search for the whole and its shortened copies finds it.
    """
    every = {*found, *known}
    parts: dict[str, str] = {}
    for value in found:
        bare = keeper.part(value, lambda text: text.strip(_AROUND), keep=False)
        if bare and bare != value and bare in every:
            parts[value] = bare
    short = every.intersection(found) - set(parts)
    lengths = sorted({length for value in short if (length := keeper.ask(value, len)) >= _SHORTEST_PART})
    for whole in sorted(every - set(parts)):
        for length in lengths:
            part = keeper.part(whole, lambda text, length=length: text[:length], keep=False)
            if part != whole and part in short:
                parts[part] = whole
    return parts


def shown_names(names: Collection[str], keeper: Keeper, held: Collection[str]) -> frozenset[str]:
    """Of the names those that variables may have: none is like a piece of a generated value, and none shares
    twelve characters with a value of those `held` by sources, which the guard takes out of every output."""
    possible = {name for name in names if reads_as_name(name)}
    strong = {value for value in held if possible and keeper.ask(value, strength_bits) >= _STRONG_BITS}
    redactor = Redactor.of(keeper, strong)
    return frozenset(name for name in possible if redactor.text(name) == name)
