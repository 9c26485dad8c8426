"""Which names of leaks a report may show: what stands before an equals sign may be within a value, too."""

import re
from collections.abc import Collection
from functools import partial

from audit_lib.secrecy.forms import STRONG_BITS, WINDOW
from audit_lib.secrecy.keeper import Keeper
from audit_lib.secrecy.strength import strength_bits
from audit_lib.secrecy.wording import could_be_a_piece

_NAME = re.compile(r"[A-Za-z_][\w.-]{1,80}")  # a variable, no heading or sentence


def shown_names(names: Collection[str], keeper: Keeper, held: Collection[str]) -> frozenset[str]:
    """Of the names those that variables may have: none is like a piece of a generated value, and none shares
    twelve characters with a strong value of those held, which the guard takes out of every output.

    `held` are the fingerprints of values that sources gave: in what a search met, names are found again.
    """
    possible = {name for name in names if _NAME.fullmatch(name) and not could_be_a_piece(name)}
    runs = frozenset(run for name in possible for run in windows(name))
    holders = [one for one in held if runs and keeper.ask(one, partial(_holds, runs))]
    return frozenset(name for name in possible if not _is_within(name, holders, keeper))


def _is_within(name: str, holders: Collection[str], keeper: Keeper) -> bool:
    runs = frozenset(windows(name))
    return any(keeper.ask(one, partial(_holds, runs)) for one in holders)


def _holds(runs: frozenset[str], value: str) -> bool:
    """Whether a strong value has one of the runs."""
    return (
        len(value) >= WINDOW and not runs.isdisjoint(windows(value)) and strength_bits(value) >= STRONG_BITS
    )


def windows(text: str) -> set[str]:
    """Every run of twelve characters of a text."""
    return {text[at : at + WINDOW] for at in range(len(text) - WINDOW + 1)}
