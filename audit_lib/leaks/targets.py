"""Which values are searched for, and how: everywhere, beside their name only, or not at all."""

import re
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import pandas as pd

from audit_lib.leaks.chosen import Chosen
from audit_lib.leaks.contracts import LeakTargets
from audit_lib.leaks.rules import Shape
from audit_lib.secrecy import strength
from audit_lib.secrecy.forms import SHORTEST, WINDOW
from audit_lib.secrecy.keeper import Keeper
from audit_lib.secrecy.redact import WEAKEST_BITS
from audit_lib.secrecy.strength import strength_bits
from audit_lib.secrecy.wording import could_be_a_piece
from audit_lib.secrets.value_rules import hold
from audit_lib.settings import Policy
from audit_lib.settings.kinds import likely_kind, shape_by

_SHORTEST_PART = 10  # characters of a copy that is cut short
_CHOSEN = "may be a password that somebody chose"
_QUOTES = "\"'"
_AROUND = "\"'`()[]{}<>,;"
_NAME = re.compile(r"[A-Za-z_][\w.-]{1,80}")  # a variable, no heading or sentence
STRONG_BITS = 64  # a value of this strength is nobody's example, whatever a document calls it
_NOT_IN_FORCE = ("example", "backup")


@dataclass
class _Target:
    """What is known of one value: its names, where it is in force, which class it is of."""

    names: dict[str, None] = field(default_factory=dict)
    environments: dict[str, None] = field(default_factory=dict)
    in_example: bool = False
    placeholder: bool = False
    beside_name: str = ""  # why it is not searched for everywhere


def leak_targets(
    entries: pd.DataFrame, inventory: pd.DataFrame, policy: Policy, keeper: Keeper
) -> pd.DataFrame:
    """`LeakTargets`: every secret of every source, earlier values of backups among them.

    In force is what the Inventory holds. Of a URL the password is searched for; where that is weak,
    the URL beside its name.
    """
    targets: dict[str, _Target] = {}
    urls: dict[tuple[str, str, str], str] = {}  # variable, environment, its weak password: the URL
    given = list(_values(entries, keeper))
    settings = {whole for name, whole, *_ in given if not _is_secret(name, whole, policy, keeper)}
    for name, whole, kind, environment, is_known in given:
        if not _is_secret(name, whole, policy, keeper):
            continue
        fingerprint, part, why = _searchable(name, whole, policy, keeper)
        if not why and part in settings and not keeper.ask(part, strength.looks_generated):
            why = "is also the value of a setting"
        urls[name, environment, part] = fingerprint
        target = targets.setdefault(fingerprint, _Target(beside_name=why))
        target.names[name] = None
        target.in_example |= kind == "example"
        if not is_known and kind not in _NOT_IN_FORCE:
            # One reading of the line is in force: a leak of any of them is as urgent as one of it.
            target.environments[environment] = None
        rule = policy.rule(name)
        markers = policy.placeholders + (rule.placeholders if rule else ())
        target.placeholder |= keeper.ask(fingerprint, partial(strength.is_placeholder, markers=markers))
    present = inventory[inventory["fingerprint"].notna() & (inventory["state"] == "present")]
    for held in present[["variable", "environment", "fingerprint"]].itertuples(index=False, name=None):
        for fingerprint in {held[2], urls.get(held, "")} & set(targets):
            targets[fingerprint].environments[held[1]] = None
    return LeakTargets.of(_row(key, targets[key], keeper) for key in sorted(targets))


def _values(entries: pd.DataFrame, keeper: Keeper) -> Iterator[tuple[str, str, str, str, bool]]:
    """Name, fingerprint, kind of source, environment of each value, and of each reading of one not known.

    A reading with quotes is met wherever the one without them is: it is the same leak.
    """
    columns = ["name", "fingerprint", "kind", "environment", "readings"]
    for name, known, kind, environment, readings in entries[columns].itertuples(index=False, name=None):
        several = [known] if pd.notna(known) else readings.split(",") if readings else []
        for fingerprint in several:
            bare = keeper.part(fingerprint, lambda value: value.strip(_QUOTES), keep=False)
            if len(several) > 1 and bare in set(several) - {fingerprint}:
                continue
            yield name, fingerprint, kind, environment, pd.notna(known)


def with_patterns(
    targets: pd.DataFrame, shapes: Iterable[Shape], keeper: Keeper, held: Collection[str]
) -> pd.DataFrame:
    """`LeakTargets` with what patterns found: whoever gave it, a value that is known stays what it is.

    Of a name that may be a piece of a value, such as one of those `held` by sources, the rule is the name.
    """
    known = set(targets["fingerprint"])
    found: dict[str, list[Shape]] = {}
    new = sorted({shape for shape in shapes if shape.fingerprint not in known})
    parts = _joined({shape.fingerprint for shape in new}, known, keeper)
    for shape in new:
        whole = shape.fingerprint
        while whole in parts:
            whole = parts[whole]
        if whole not in known:
            found.setdefault(whole, []).append(shape)
    if not found:
        return targets
    shown = shown_names({shape.name for shape in new}, keeper, held)
    rows = [_found_row(fingerprint, met, keeper, shown) for fingerprint, met in found.items()]
    return LeakTargets.checked(pd.concat([targets, LeakTargets.of(rows)]))


def with_chosen(
    targets: pd.DataFrame, chosen: Iterable[Chosen], keeper: Keeper, held: Collection[str]
) -> tuple[pd.DataFrame, dict[str, str]]:
    """`LeakTargets` with the texts of chosen passwords and their names, and whose value each holds.

    Such a value is a word or little more: only with its name, as it was met, is it searched for. An
    address that a source gives beside its name says enough by itself to be searched for everywhere.
    """
    met = targets["fingerprint"].isin({one.text for one in chosen})
    targets = targets.assign(searched=targets["searched"].mask(met, "everywhere"))
    known = set(targets.loc[targets["searched"] == "everywhere", "fingerprint"])
    new = (one for one in chosen if known.isdisjoint((one.fingerprint, one.text)))
    found = {one.text: one for one in sorted(new, reverse=True)}
    if not found:
        return targets, {}
    values = {text: one.fingerprint for text, one in found.items()}
    shown = shown_names({one.name for one in found.values()}, keeper, held)
    names: dict[str, str] = {}  # of each value that which says most
    for one in sorted(found.values(), key=lambda one: (one.name in shown, len(one.name), one.name)):
        names[one.fingerprint] = one.name if one.name in shown else one.rule
    rows = LeakTargets.of(
        _new_row(text, names[values[text]], "possible", "beside its name", _CHOSEN) for text in sorted(found)
    )
    return LeakTargets.checked(pd.concat([targets, rows])), values


def with_hashes(targets: pd.DataFrame, hashes: Iterable[str]) -> pd.DataFrame:
    """`LeakTargets` with hashes of passwords, by fingerprint, that are no secret of the project's own."""
    new = sorted(set(hashes) - set(targets["fingerprint"]))
    why = "a password can be guessed from its hash"
    hashed = [_new_row(one, "hash of a password", "hash", "everywhere", why) for one in new]
    return LeakTargets.checked(pd.concat([targets, LeakTargets.of(hashed)])) if new else targets


def target_of(fingerprint: str, variable: str, keeper: Keeper) -> pd.DataFrame:
    """`LeakTargets` of one value that the keeper holds."""
    weak = weakness(fingerprint, keeper)
    searched = "beside its name" if weak else "everywhere"
    return LeakTargets.of([_new_row(fingerprint, variable, "leak", searched, weak)])


def _new_row(fingerprint: str, variable: str, kind: str, searched: str, reason: str) -> dict[str, Any]:
    return {
        "fingerprint": fingerprint,
        "variable": variable,
        "names": variable,
        "in_force": "",
        "kind": kind,
        "searched": searched,
        "reason": reason,
    }


def _found_row(fingerprint: str, met: list[Shape], keeper: Keeper, shown: Collection[str]) -> dict[str, Any]:
    names = sorted({shape.name for shape in met}.intersection(shown))
    rules = sorted({shape.rule for shape in met})
    weak = weakness(fingerprint, keeper) if names else ""
    searched = "beside its name" if weak else "everywhere"
    why = weak or f"looks like a secret: {', '.join(rules)}"
    row = _new_row(fingerprint, (names or rules)[0], "pattern", searched, why)
    return row | {"names": ",".join(names or rules)}


def _is_secret(name: str, fingerprint: str, policy: Policy, keeper: Keeper) -> bool:
    rule = policy.rule(name)
    if rule is not None:
        return rule.kind == "secret"
    shape = shape_by(lambda question: keeper.ask(fingerprint, question))
    return likely_kind(name, (shape,), policy)[0] == "secret"


def _searchable(name: str, fingerprint: str, policy: Policy, keeper: Keeper) -> tuple[str, str, str]:
    """The fingerprint to search for, that of the secret part, and why only beside its name, or ""."""
    rule = policy.rule(name)
    wanted = (
        rule.component if rule else "password" if keeper.ask(fingerprint, strength.has_password) else "whole"
    )
    held = hold(keeper, fingerprint, wanted)
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


def _row(fingerprint: str, target: _Target, keeper: Keeper) -> dict[str, Any]:
    names = sorted(target.names)
    strong = keeper.ask(fingerprint, strength_bits) >= STRONG_BITS
    template = target.placeholder or (target.in_example and not strong)
    why = target.beside_name or ("is a placeholder" if target.placeholder else "")
    return {
        "fingerprint": fingerprint,
        "variable": names[0],
        "names": ",".join(names),
        "in_force": ",".join(sorted(target.environments)),
        "kind": "template" if template else "weak default" if why else "leak",
        "searched": "beside its name" if why else "everywhere",
        "reason": why,
    }


def _joined(found: Collection[str], known: Collection[str], keeper: Keeper) -> dict[str, str]:
    """Of the values found, by fingerprint, each that is part of one of them or of the known, and of which.

    Where the part is, a search for the whole and its shortened copies finds it.
    """
    every = {*found, *known}
    parts: dict[str, str] = {}
    for one in found:
        bare = keeper.part(one, lambda value: value.strip(_AROUND), keep=False)
        if bare and bare != one and bare in every:
            parts[one] = bare
    left = every - set(parts)
    short = left.intersection(found)
    lengths = sorted({length for one in short if (length := keeper.ask(one, len)) >= _SHORTEST_PART})
    for whole in sorted(left):
        longest = keeper.ask(whole, len)
        for length in lengths:
            part = keeper.part(whole, partial(_first, length), keep=False) if length < longest else None
            if part in short:
                parts[part] = whole
    return parts


def _first(length: int, value: str) -> str:
    return value[:length]


def shown_names(names: Collection[str], keeper: Keeper, held: Collection[str]) -> frozenset[str]:
    """Of the names those that variables may have: none is like a piece of a generated value, and none shares
    twelve characters with a strong value of those held, which the guard takes out of every output.

    `held` are the fingerprints of values that sources gave: in what a search met, names are found again.
    """
    possible = {name for name in names if _NAME.fullmatch(name) and not could_be_a_piece(name)}
    runs = frozenset(run for name in possible for run in _windows(name))
    holders = [one for one in held if runs and keeper.ask(one, partial(_holds, runs))]
    return frozenset(
        name
        for name in possible
        if not any(keeper.ask(one, partial(_holds, frozenset(_windows(name)))) for one in holders)
    )


def _windows(text: str) -> Iterator[str]:
    return (text[at : at + WINDOW] for at in range(len(text) - WINDOW + 1))


def _holds(runs: frozenset[str], value: str) -> bool:
    """Whether a strong value has one of the runs."""
    return (
        len(value) >= WINDOW and not runs.isdisjoint(_windows(value)) and strength_bits(value) >= STRONG_BITS
    )
