"""One leak for each value, however many names, files and encodings, with its places, by urgency."""

from collections.abc import Collection
from datetime import datetime
from hashlib import sha256
from typing import Any

import pandas as pd

from audit_lib.base.frames import rows
from audit_lib.base.in_words import counted, few
from audit_lib.leaks.contracts import ChosenPasswords, LeakPlaces, Leaks
from audit_lib.leaks.exposure import FORCES, IN_FORCE, NOT_KNOWN, PRODUCTION, SECRETS, first_places, force_of
from audit_lib.leaks.rules import Shape
from audit_lib.leaks.words import deploys
from audit_lib.ledger.timeline import Tenure

NO_SECRETS = ("possible", "hash", "weak default", "template")
KINDS = (*SECRETS, *NO_SECRETS)
ELSEWHERE = "tests, examples and documents"
FOUND, UNDECIDED = 3, 2  # exit codes
_POSSIBLE = ("possible", "hash")
_SEARCHED = ("git objects", "files")
_BY_AGE = ["authored_at", "place", "path", "line", "commit", "encoding", "variable"]
_BY_COMMIT = ["authored_at", "committed_at", "commit", "path"]
# In force in production, in force elsewhere, not known, replaced; of each what stands at HEAD or on disk
# before what only the history holds; then what has been out longest, then what occurs most often.
_URGENCY = [
    "no_secret", "rank", "elsewhere", "buried", "first_at", "unreachable", "rarity", "kind_rank", "variable",
    "leak_id",
]  # fmt: skip


def tabulate_leaks(
    sightings: pd.DataFrame,
    targets: pd.DataFrame,
    inventory: pd.DataFrame,
    as_of: datetime | None = None,
    *,
    stays: Collection[Tenure] = (),
    keyed: bool = False,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """`Leaks` and `LeakPlaces`, the most urgent first; a shortened copy joins the leak of its value.

    With `as_of` what a later commit brought is left out. By the ledger's `stays` a value that was replaced is
    known again, whatever it was found by. `keyed`: fingerprints are under a key that lasts.
    """
    if as_of is not None:
        sightings = sightings[~(sightings["committed_at"] > pd.Timestamp(as_of))]
    known = targets.set_index("fingerprint")[["variable", "kind", "in_force"]]
    seen = sightings.join(known, on="fingerprint").sort_values(_BY_AGE, kind="stable")
    exact = seen["matched"].eq("exact")
    whole = seen[exact | ~seen["fingerprint"].isin(seen.loc[exact, "fingerprint"])]
    found = whole.groupby("fingerprint", sort=False).agg(
        variable=("variable", "first"), kind=("kind", "first"), matched=("matched", "first"),
        in_force=("in_force", "first"), at_head=("at_head", "any"), reachable=("reachable", "any"),
        occurrences=("occurrences", "sum"), path=("path", "first"),
    )  # fmt: skip
    # A line of a log is dated, too: what it shows was there before any commit.
    dated = whole[whole["commit"].ne("") | whole["authored_at"].notna()].sort_values(_BY_COMMIT, kind="stable")
    first = dated.drop_duplicates("fingerprint").set_index("fingerprint")[_BY_COMMIT[:3]]
    found = found.join(first.set_axis(["first_at", "first_committed_at", "first_commit"], axis=1))
    found = found.assign(first_commit=found["first_commit"].fillna(""), force=NOT_KNOWN).reset_index()
    owners = {stay.fingerprint: stay.home.secret for stay in stays}
    pattern, short = found["kind"].eq("pattern"), found["matched"].eq("truncated")
    owned = found["fingerprint"].map(owners).where(pattern)
    found["variable"] = owned.fillna(found["variable"])
    found["kind"] = found["kind"].mask(short, "truncated")
    found["matched"] = found["matched"].mask(pattern & ~short, "pattern")
    found["leak_id"] = _ids(found, keyed=keyed)
    stands = seen["at_head"] | seen["place"].isin(("working tree", "staged"))
    standing = seen.loc[stands & seen["path"].map(deploys).astype(bool), "fingerprint"]
    leaks = with_force(Leaks.of(found[list(Leaks.columns())].to_dict("records")), inventory, stays, standing)
    ids = pd.Series(leaks["leak_id"].to_numpy(), index=leaks["fingerprint"])
    cut = seen["matched"].eq("truncated").map({True: ", shortened", False: ""})
    places = seen.assign(leak_id=seen["fingerprint"].map(ids), encoding=seen["encoding"] + cut)
    order = {leak_id: number for number, leak_id in enumerate(leaks["leak_id"])}
    places = places.sort_values("leak_id", key=lambda ids: ids.map(order), kind="stable")
    return leaks, LeakPlaces.checked(places[list(LeakPlaces.columns())])


def _ids(found: pd.DataFrame, *, keyed: bool) -> list[str]:
    """The id of each leak, in order of age (docs/leak_search.md#identifiers).

    It follows from the keyed fingerprint: a date in a commit is its author's to choose. Under a throw-away
    key it is made of what a report shows, so that two runs give the same.
    """
    if keyed:
        return [leak_id(fingerprint) for fingerprint in found["fingerprint"]]
    about = ["kind", "variable", "path"]
    numbers = found.groupby(about, sort=False).cumcount() + 1
    return [leak_id(*map(str, row)) for row in found[about].assign(number=numbers).itertuples(index=False)]


def leak_id(*parts: str) -> str:
    """The name of a leak: of its value's fingerprint, or of kind, variable, first path and number there."""
    text = "\0".join(("leak", *parts))
    return f"leak-{sha256(text.encode('utf-8', 'surrogatepass')).hexdigest()[:10]}"


def with_force(
    leaks: pd.DataFrame,
    inventory: pd.DataFrame,
    stays: Collection[Tenure] = (),
    standing: Collection[str] = (),
) -> pd.DataFrame:
    """`Leaks`, the most urgent first, each with what the values at hand and the ledger's `stays` say: is it
    in force or not? Of those `standing` in a file that deploys, by their fingerprints, another value in an
    env file says nothing."""
    held, there = list(rows(inventory)), frozenset(standing)
    force = [force_of(leak, held, stays, standing=leak.fingerprint in there) for leak in rows(leaks)]
    found = leaks.assign(force=pd.Series(force, leaks.index, dtype="str"))
    elsewhere = ~found["in_force"].str.split(",").map(lambda names: PRODUCTION in names).astype(bool)
    in_force = found["force"].eq(IN_FORCE)
    ranked = found.assign(
        no_secret=found["kind"].isin(NO_SECRETS),
        rank=found["force"].map(FORCES.index),
        elsewhere=in_force & elsewhere,
        buried=found["first_commit"].ne("") & ~found["at_head"] & ~in_force,
        unreachable=~found["reachable"],
        rarity=-found["occurrences"],
        kind_rank=found["kind"].map(KINDS.index),
    )
    return Leaks.checked(found.loc[ranked.sort_values(_URGENCY).index])


def where_in_use(
    sightings: pd.DataFrame, shapes: Collection[Shape], idle: Collection[tuple[str, int]]
) -> pd.DataFrame:
    """`Sightings` without those of a default in a test, a document or a comment: counted and not listed."""
    defaults = {shape.fingerprint for shape in shapes if shape.default}
    places = zip(sightings["path"], sightings["line"], strict=True)
    listed = [deploys(path) and (path, line) not in idle for path, line in places]
    return sightings[pd.Series(listed, sightings.index, dtype=bool) | ~sightings["fingerprint"].isin(defaults)]


def tabulate_chosen_passwords(leaks: pd.DataFrame, places: pd.DataFrame) -> pd.DataFrame:
    """`ChosenPasswords`: what a file that deploys holds, in the order of `Leaks`; all others in one row."""
    possible = leaks[leaks["kind"].eq("possible")]
    used = places[places["path"].map(deploys).astype(bool)]
    in_use = possible["leak_id"].isin(used["leak_id"])
    groups = [(name, used, group) for name, group in possible[in_use].groupby("variable", sort=False)]
    groups += [(ELSEWHERE, places, possible[~in_use])] if not in_use.all() else []
    return ChosenPasswords.of(
        {
            "variable": name,
            "deploys": name != ELSEWHERE,
            "values": len(group),
            "leak_ids": few(group["leak_id"], 5),
            "places": first_places(there[there["leak_id"].isin(group["leak_id"])]),
        }
        for name, there, group in groups
    )


def searched_whole(coverage: pd.DataFrame) -> bool:
    """Whether every object of git and every file was searched, by the LeakCoverage."""
    states = coverage.loc[coverage["part"].isin((*_SEARCHED, "files outside"))]
    return bool(states["state"].eq("searched").all() and set(_SEARCHED) <= set(states["part"]))


def shows_no_leak(coverage: pd.DataFrame) -> bool:
    """Whether no leak found means that there is none: all was searched, and for something."""
    sought = coverage["part"].isin(("values", "patterns")) & coverage["state"].eq("searched")
    return searched_whole(coverage) and bool(coverage.loc[sought, "count"].ne(0).fillna(True).any())


def next_step(leaks: pd.DataFrame, coverage: pd.DataFrame) -> str:
    """What to do first, about the most urgent class that there is."""
    real = leaks[~leaks["kind"].isin(NO_SECRETS)]
    force = next((force for force in FORCES if real["force"].eq(force).any()), "")
    names = list(dict.fromkeys(real.loc[real["force"].eq(force), "variable"]))
    more = f" and {counted(len(names) - 3, 'more secret')}" if len(names) > 3 else ""
    secrets = ", ".join(names[:3]) + more
    if force == IN_FORCE:
        return f"rotate {secrets} now, then take the value out of the places above"
    if force == NOT_KNOWN:
        return f"rotate {secrets}, or give the values in force (--env) to show that it was replaced"
    if force:
        return f"make sure that the old value of {secrets} was revoked at its provider"
    if leaks["kind"].isin(_POSSIBLE).any():
        return "take the passwords that are in use out of the files, and let each environment set its own"
    if shows_no_leak(coverage):
        return "nothing: no leak was found, and everything was searched"
    return "nothing, as far as was searched; what was not is listed above, and may hold leaks"


def exit_code(leaks: pd.DataFrame, coverage: pd.DataFrame, stops: tuple[str, ...]) -> int:
    """3 if a leak is in force, not known or not in force, or possible, as `stops` says; else 2 if part was
    not searched, else 0."""
    forces = {stop.replace("-", " ") for stop in stops}
    stopping = ~leaks["kind"].isin(NO_SECRETS) & leaks["force"].isin(forces)
    if stopping.any() or ("possible" in stops and leaks["kind"].isin(_POSSIBLE).any()):
        return FOUND
    left_out = coverage["state"].eq("not searched") & coverage["part"].isin((*_SEARCHED, "files outside"))
    return UNDECIDED if (coverage["state"].eq("incomplete") | left_out).any() else 0
