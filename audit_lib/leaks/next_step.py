"""What to do first about the leaks that were found, in one sentence; and whether a pipeline must stop."""

import pandas as pd

from audit_lib.base.in_words import counted
from audit_lib.leaks.urgency import FORCES, IN_FORCE, NO_SECRETS, NOT_KNOWN
from audit_lib.leaks.whole_search import shows_no_leak

FOUND, UNDECIDED = 3, 2  # exit codes
_MOST_NAMES = 3
_POSSIBLE = ("possible", "hash")


def next_step(leaks: pd.DataFrame, coverage: pd.DataFrame) -> str:
    """What to do first, about the most urgent class that there is."""
    real = leaks[~leaks["kind"].isin(NO_SECRETS)]
    by_force = {force: real[real["force"] == force] for force in FORCES}
    if not by_force[IN_FORCE].empty:
        return f"rotate {_names(by_force[IN_FORCE])} now, then take the value out of the places above"
    if not by_force[NOT_KNOWN].empty:
        return (
            f"rotate {_names(by_force[NOT_KNOWN])}, or give the values in force (--env) "
            "to show that it was replaced"
        )
    if not real.empty:
        return f"make sure that the old value of {_names(real)} was revoked at its provider"
    if leaks["kind"].isin(_POSSIBLE).any():
        return "take the passwords that are in use out of the files, and let each environment set its own"
    if shows_no_leak(coverage):
        return "nothing: no leak was found, and everything was searched"
    return "nothing, as far as was searched; what was not is listed above, and may hold leaks"


def _names(leaks: pd.DataFrame) -> str:
    """The first few secrets, by name, and how many more there are."""
    names = list(dict.fromkeys(leaks["variable"]))
    more = len(names) - _MOST_NAMES
    return ", ".join(names[:_MOST_NAMES]) + (f" and {counted(more, 'more secret')}" if more > 0 else "")


def exit_code(leaks: pd.DataFrame, coverage: pd.DataFrame, stops: tuple[str, ...]) -> int:
    """3 if a leak is in force, not known or not in force, or possible, as `stops` says; else 2 if part was
    not searched, else 0.
    """
    forces = {one.replace("-", " ") for one in stops}
    real = ~leaks["kind"].isin(NO_SECRETS)
    if (real & leaks["force"].isin(forces)).any():
        return FOUND
    if "possible" in stops and leaks["kind"].isin(_POSSIBLE).any():
        return FOUND
    unsearched = coverage["state"].eq("not searched") & coverage["part"].isin(
        ("git objects", "files", "files outside")
    )
    return UNDECIDED if (coverage["state"].eq("incomplete") | unsearched).any() else 0
