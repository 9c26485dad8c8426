"""Leaks by urgency: places, force, exposure, secrets; what a purge touches, by git-filter-repo's manual."""

import shlex
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from typing import Any

import pandas as pd

from audit_lib.base.frames import Contract, Field, Instant, Series, Several, rows
from audit_lib.base.git import GitFailed
from audit_lib.base.in_words import day_words, few
from audit_lib.leaks.candidates import IN_USE, expression, is_kind, use_of
from audit_lib.leaks.sources import UNREACHABLE, at_head
from audit_lib.ledger.timeline import SecretPlace, Tenure
from audit_lib.secrets.loaders import is_compose
from audit_lib.settings import Project

Stays = Collection[Tenure]
FORCES = IN_FORCE, NOT_KNOWN, NOT_IN_FORCE = "in force", "not known", "not in force"
PRODUCTION, STATUSES = "production", ("emergency", "unknown", "historic")  # as the forces
SECRETS, NO_SECRETS = ("leak", "pattern", "truncated"), ("possible", "hash", "weak default", "template")
ALONE = ("tests", "tests, documents and comments", "pipelines, tests and documents")  # by `use_of`
OTHERS, CODE, PAST = "values that production lacks", "files of code", "what git shows of earlier years"
SET_OTHERWISE = "passwords that production sets otherwise"
GATHERED = (*ALONE, "commits on no branch", "keys that browsers are given", OTHERS, CODE, PAST, SET_OTHERWISE)
TESTS, ELSEWHERE, _, UNHELD, PUBLIC = GATHERED[:5]
COMMON, CHOSEN, IN_LOGS = "passwords that many choose", "somebody may have chosen it", " in logs"
KEY_ID = "an identifier, of whose secret no value in force was found there"  # public by nature
FOUND, UNDECIDED = 3, 2  # exit codes
PUBLISHED_PLACE = {"place": "source"}  # the column's name in report.json and in `leaks --format json`
_SEARCHED, _MOST_PLACES, _MOST_NAMES = ("git objects", "files"), 5, 20
_DO_FIRST = (
    "rotate {} now, then take the value out of the places above",
    "rotate {}, or give the values in force (--env) to show that it was replaced",
    "make sure that the old value of {} was revoked at its provider",
)
_OF_ALL = {  # columns of Leaks: of all places of a value; then of its earliest commit or line of a log
    **dict.fromkeys(("variable", "provider", "kind", "matched", "in_force", "path"), "first"),
    **{"at_head": "any", "reachable": "any", "occurrences": "sum"},
}
_FIRST = {"commit": "first_commit", "authored_at": "first_at", "committed_at": "first_committed_at"}
_BY_AGE = ["authored_at", "committed_at", "commit", "place", "path", "line", "encoding", "variable"]
_IN_FILES = ("commit", "note", "stash", "other ref", "reflog", "unreachable", "staged")
_IN_MESSAGES = ("commit message", "commit author", "tag")
IN_HISTORY = (*_IN_FILES, *_IN_MESSAGES, "path", "git file", "git object")  # all else is a file on disk
_REPLACE = Path(__file__).with_name("purge.txt").read_text("utf-8")


class Leaks(Contract):
    """One row for each leaked value, however many names, files and encodings; the most urgent first."""

    leak_id: Series[str]
    variable: Series[str]
    provider: Series[str]  # of whom a rule knows the value by its form; "" for none
    kind: Series[str] = Field(isin=(*SECRETS, *NO_SECRETS))
    matched: Series[str] = Field(isin=("exact", "pattern", "truncated"))
    fingerprint: Series[str] = Field(nullable=True)
    first_commit: Series[str]
    first_at: Series[Instant] = Field(nullable=True)  # author time, which can be forged
    first_committed_at: Series[Instant] = Field(nullable=True)
    at_head: Series[bool]
    reachable: Series[bool]
    in_force: Series[str]  # environments, comma-separated; "" where it is in force nowhere, as far as known
    force: Series[str] = Field(isin=FORCES)
    occurrences: Series[int]


class LeakPlaces(Contract):
    """One row for each place of a leak, in the order of `Leaks`."""

    leak_id: Series[str]
    place: Series[str]  # blob | path | commit message | working tree | log | bundle | …
    path: Series[str]
    line: Series[pd.Int64Dtype] = Field(nullable=True)  # from 1; null in names and messages
    commit: Series[str]  # the earliest by author time; "" for none
    encoding: Series[str]


class Exposure(Contract):
    """One row for each leaked secret in each environment: what the leak means there."""

    leak_id: Series[str]
    secret: Series[str]
    environment: Series[str]
    service: Series[str]
    status: Series[str] = Field(isin=STATUSES)
    first_at: Series[Instant] = Field(nullable=True)
    reason: Series[str]


class LeakedSecrets(Contract):
    """One row for each secret of which a value leaked, the most urgent first: what that means, and where."""

    secret: Series[str]  # one of GATHERED for all that nobody has and that is in nothing else
    environment: Series[str]  # the most urgent in which a leaked value is in force; "" for none
    status: Series[str] = Field(isin=STATUSES)
    held_by: Series[str]  # ENVIRONMENT/SERVICE of that status, comma-separated
    covers: Series[Several]  # the same as (secret, environment, service)
    leak_ids: Series[str]  # of that status, comma-separated
    providers: Series[str]  # theirs, comma-separated
    named: Series[str]  # it with providers or, of a general word, its file; of GATHERED the first names
    also: Series[str]  # its other leaks, in words; "" for none
    places: Series[str]  # the first few, and how many more
    first_at: Series[Instant] = Field(nullable=True)
    reason: Series[str]
    digest: Series[str]  # of the leaks, so that no acceptance of several covers a later one


class ChosenPasswords(Contract):
    """One row for each name under which somebody may have chosen a password, and one for what many choose."""

    variable: Series[str]  # COMMON for these; SET_OTHERWISE for all of which production has other values
    names: Series[str]  # under which they stand
    covers: Series[Several]  # all of them, as items without a place
    values: Series[int]
    leak_ids: Series[str]  # the first few, comma-separated
    digest: Series[str]  # of all of them, as of `LeakedSecrets`
    places: Series[str]  # the first few, and how many more


@dataclass(frozen=True)
class LeakAudit:
    """Frames by the contracts Leaks, LeakPlaces and LeakCoverage."""

    leaks: pd.DataFrame
    places: pd.DataFrame
    coverage: pd.DataFrame
    aside: Mapping[str, str] = field(default_factory=dict)  # by fingerprint: as `Shape` has it, or OTHERS


def tabulate_leaks(
    sightings: pd.DataFrame,
    targets: pd.DataFrame,
    inventory: pd.DataFrame,
    as_of: datetime | None = None,
    *,
    stays: Stays = (),
    keyed: bool = False,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """`Leaks` and `LeakPlaces`, the most urgent first, of `tabulate_sightings` with `deploys` and no commits
    after `as_of`. By the ledger's `stays` a value that was replaced is known again. The id of a leak follows
    from its fingerprint if `keyed`, under a key that lasts; else from kind, variable, path and a number."""
    sightings = sightings[~(sightings["committed_at"] > pd.Timestamp(as_of or "NaT"))]
    known = targets.set_index("fingerprint")[["variable", "provider", "kind", "in_force"]]
    seen = sightings.join(known, on="fingerprint").sort_values(_BY_AGE, kind="stable")
    exact = seen["matched"].eq("exact")
    whole = seen[exact | ~seen["fingerprint"].isin(seen.loc[exact, "fingerprint"])]
    dated = whole[whole["commit"].ne("") | whole["authored_at"].notna()].drop_duplicates("fingerprint")
    first = dated.set_index("fingerprint")[list(_FIRST)].rename(columns=_FIRST)  # a log's line is dated, too
    found = whole.groupby("fingerprint", sort=False).agg(_OF_ALL).join(first).reset_index()
    owners = found["fingerprint"].map({stay.fingerprint: stay.home.secret for stay in stays})
    pattern, short = found["kind"].eq("pattern"), found["matched"].eq("truncated")
    held = inventory.groupby("fingerprint")["environment"].unique().str.join(",")
    found = found.assign(
        variable=found["variable"].mask(pattern & owners.notna(), owners.astype("str")),
        kind=found["kind"].mask(short, "truncated"),
        matched=found["matched"].mask(pattern & ~short, "pattern"),
        in_force=found["in_force"].mask(pattern, found["fingerprint"].map(lambda one: held.get(one, ""))),
        first_commit=found["first_commit"].fillna(""),
        force=NOT_KNOWN,
    )
    about = ["fingerprint"] if keyed else ["kind", "variable", "path", "number"]  # a date can be forged
    found["number"] = found.groupby(["kind", "variable", "path"], sort=False).cumcount() + 1
    found["leak_id"] = [leak_id(*map(str, row)) for row in found[about].itertuples(index=False)]
    standing = seen.query("deploys and (at_head or place in ('working tree', 'staged'))")["fingerprint"]
    leaks = with_force(Leaks.checked(found[list(Leaks.columns)]), inventory, stays, standing)
    seen = seen.assign(encoding=seen["encoding"] + (~exact).map({True: ", shortened", False: ""}))
    places = leaks[["leak_id", "fingerprint"]].merge(seen, on="fingerprint")
    return leaks, LeakPlaces.checked(places[list(LeakPlaces.columns)])


def leak_id(*parts: str) -> str:
    """The name of a leak: of its value's fingerprint, or of kind, variable, first path and number there."""
    return "leak-" + sha256("\0".join(("leak", *parts)).encode("utf-8", "surrogatepass")).hexdigest()[:10]


def with_force(
    leaks: pd.DataFrame, inventory: pd.DataFrame, stays: Stays = (), standing: Iterable[str] = ()
) -> pd.DataFrame:
    """`Leaks` by urgency, with whether each is in force; `standing` are fingerprints in files that deploy."""
    held, there = list(rows(inventory)), frozenset(standing)
    force = [_force_of(leak, held, stays, standing=leak.fingerprint in there) for leak in rows(leaks)]
    found = leaks.assign(force=pd.Series(force, leaks.index, dtype="str"))
    in_force = found["force"].eq(IN_FORCE)
    ranks = {
        "no_secret": found["kind"].isin(NO_SECRETS),
        "rank": found["force"].map(FORCES.index),
        "elsewhere": in_force & ~found["in_force"].str.contains(rf"\b{PRODUCTION}\b"),
        "nameless": found["provider"].eq(""),
        "buried": found["first_commit"].ne("") & ~found["at_head"] & ~in_force,
        "since": found["first_at"],
        "unreachable": ~found["reachable"],
        "rarity": -found["occurrences"],
        "class": found["kind"].map((*SECRETS, *NO_SECRETS).index),
        "name": found["variable"] + found["leak_id"],
    }
    return Leaks.checked(found.loc[pd.DataFrame(ranks).sort_values(list(ranks)).index])


def _homes_of(leak: Any, inventory: Collection[Any], stays: Stays) -> list[tuple[SecretPlace, str, str]]:
    """Places of secrets that have the leaked value or its name, or had it by the ledger, each with whether it
    is in force there and why; but for other services of an environment where it is in force."""
    last = {stay.home: stay for stay in stays if stay.fingerprint == leak.fingerprint}
    held = {home: row for row in inventory if (home := SecretPlace.of(row)) in last or row.state != "missing"}
    alike = [at for at, row in held.items() if row.fingerprint and row.fingerprint == leak.fingerprint]
    holding = {at for at in alike if leak.kind in SECRETS or held[at].kind not in ("identifier", "setting")}
    secrets = {place.secret for place in (*last, *holding)}
    named = leak.variable.rpartition(".")[2].upper()  # as code may write it
    secrets |= {row.secret for row in inventory if row.variable.upper() == named}
    in_force, homes = {place.environment for place in holding}, []
    for place in dict.fromkeys((*held, *last)):
        row, gone = held.get(place), last[place].gone if place in last else None
        at, how = "/".join(place[1:]), "rotated" if gone and gone.fingerprint else "taken out"
        before = f"leaked before, {how} in {at} by {day_words(gone.at)}" if gone else ""
        if place in holding:
            homes.append((place, IN_FORCE, "the leaked value is in force: rotate now"))
        elif row and (place.secret not in secrets or place.environment in in_force):
            continue
        elif (row and row.fingerprint) or (before and not row):
            homes.append((place, NOT_IN_FORCE, before or f"another value is in force in {at}"))
        else:  # a value that the ledger saw go may have come back
            state = row.state.replace("present", "read in several ways") if row else "no longer supplied"
            homes.append((place, NOT_KNOWN, f"{before}; the value in {at} is {state}".removeprefix("; ")))
    return homes or [(SecretPlace(leak.variable, "", ""), NOT_KNOWN, "nobody gave this value")]


def _force_of(leak: Any, inventory: Collection[Any], stays: Stays, *, standing: bool) -> str:
    """Whether a leaked value is in force. Not in force needs another value in production of each service that
    has the secret; of a value that is `standing` in a file that deploys it needs the ledger."""
    homes = _homes_of(leak, inventory, stays)
    force = min([force for _, force, _ in homes], key=FORCES.index)
    if leak.in_force or force == IN_FORCE:
        return IN_FORCE
    places = [place for place, *_ in homes]
    known = [*places, *(it.home for it in stays if it.home.secret in {at.secret for at in places})]
    services = {place.service for place in known if place.environment == PRODUCTION}
    by_ledger = not standing or any(stay.fingerprint == leak.fingerprint for stay in stays)
    return force if by_ledger and services.issuperset(place.service for place in places) else NOT_KNOWN


def tabulate_exposure(leaks: pd.DataFrame, inventory: pd.DataFrame, stays: Stays = ()) -> pd.DataFrame:
    """`Exposure`: each leak in each place where its secret lives; the place is "" if none is known.
    Emergency: it is in force there. Historic: another is, or `stays` show that it went. Else unknown."""
    held, exposed = list(rows(inventory)), []
    for leak in rows(leaks[leaks["kind"].isin(SECRETS)]):
        homes = _homes_of(leak, held, stays)
        undecided = leak.force == NOT_KNOWN and all(force == NOT_IN_FORCE for _, force, _ in homes)
        exposed += [
            {"leak_id": leak.leak_id, "first_at": leak.first_at, **place._asdict()}
            | {"status": "unknown" if undecided else STATUSES[FORCES.index(force)], "reason": reason}
            for place, force, reason in homes
        ]
    keys = {row.secret.partition("_SECRET")[0] + "_ID": row.secret for row in held if "_SECRET" in row.secret}
    there = {(one["secret"], one["environment"]) for one in exposed if one["status"] == STATUSES[0]}
    return Exposure.of(
        one
        | ({"secret": key} if (key, one["environment"]) in there else {"status": "unknown", "reason": KEY_ID})
        if key
        else one
        for one in exposed
        for key in [one["status"] == STATUSES[0] and keys.get(expression("id").sub("_ID", one["secret"]))]
    )


def tabulate_leaked_secrets(found: LeakAudit, exposure: pd.DataFrame, stays: Stays = ()) -> pd.DataFrame:
    """`LeakedSecrets`, in the order of `Leaks`. The worst that any place shows is the secret's status.

    One of GATHERED, of no place, is the secret of what nobody names, of passwords in the same places, of what
    was never in use: tests (whatever it is called), documents and pipelines alone, a comment, files of code,
    what git alone still shows. Other passwords that somebody may have chosen have a table of their own."""
    leaks, places, about = found.leaks, found.places, exposure["leak_id"]
    by_id = leaks.set_index("leak_id")
    names = places["leak_id"].map(by_id["variable"].where(by_id["kind"].eq("pattern"), ""))
    issued = places["leak_id"].map(by_id["provider"])
    uses = pd.Series(map(use_of, places["path"], names, issued), places.index, dtype=int)
    uses[places["place"].isin(IN_HISTORY) & places["leak_id"].map(by_id["kind"]).eq("possible")] = 0
    alone = uses.groupby(places["leak_id"]).max().map(dict(enumerate(ALONE))).dropna()
    ours = by_id["kind"].ne("pattern") | by_id["fingerprint"].isin([stay.fingerprint for stay in stays])
    lost = places["place"].eq(UNREACHABLE).groupby(places["leak_id"]).all() & ~ours
    there, aside = exposure["status"].eq(STATUSES[0]), about.map(by_id["fingerprint"]).map(found.aside)
    nowhere = exposure["status"].eq("unknown") & exposure["service"].eq("")
    made = about.map(alone.eq(TESTS) & ~ours & by_id["provider"].eq("")).eq(True)  # whatever it is called
    group = about.map(alone).astype("str").mask(aside.eq("comment") & ~made, ELSEWHERE).where(nowhere | made)
    group = group.mask(aside.isin((CODE, PAST)) & nowhere & group.isna(), aside)
    group = group.mask(aside.eq(OTHERS), OTHERS).mask(aside.eq("public") & ~made, PUBLIC)
    group = group.mask(about.map(lost).eq(True), UNHELD)
    logged = about.isin(places["leak_id"][places["place"].eq("log") & uses.eq(IN_USE)]) & nowhere
    group = group.where(~there).mask(logged & ~aside.eq("public"), exposure["secret"] + IN_LOGS)
    unsaid = {"environment": "", "service": "", "status": "unknown"}
    exposed = exposure.assign(secret=group.fillna(exposure["secret"]))
    exposed.loc[group.notna(), [*unsaid]] = [*unsaid.values()]
    other = leaks["fingerprint"].map(found.aside).eq(OTHERS)
    chosen = leaks.assign(secret=leaks["leak_id"].map(alone).mask(other, OTHERS), reason=CHOSEN, **unsaid)
    exposed = pd.concat([exposed, chosen.query("kind == 'possible' and secret.notna()")], ignore_index=True)
    ranked = exposed.assign(  # of what is not known, what logs show comes first
        rank=exposed["status"].map(STATUSES.index) - exposed["secret"].str.endswith(IN_LOGS) / 2,
        elsewhere=exposed["environment"].ne(PRODUCTION),
        position=exposed["leak_id"].map(by_id.index.get_loc),
        **{name: exposed["leak_id"].map(by_id[name]) for name in ("provider", "variable")},
    ).sort_values(["rank", "elsewhere", "position", "secret"], kind="stable")
    return LeakedSecrets.of(
        _secret_row(str(secret), every, places) for secret, every in ranked.groupby("secret", sort=False)
    )


def _secret_row(secret: str, every: pd.DataFrame, places: pd.DataFrame) -> dict[str, Any]:
    worst = every.assign(own=every["variable"].eq(secret))[every["rank"].eq(every["rank"].min())].sort_values(
        ["own", "provider", "position"], ascending=[False, False, True], kind="stable"
    )
    ids = list(worst["leak_id"].unique())
    more = ", ".join(every.loc[~every["leak_id"].isin(ids)].sort_index()["leak_id"].unique())
    homes = worst[worst["service"].ne("")].sort_values(["elsewhere", "environment", "service"])
    held = list(dict.fromkeys(zip(homes["environment"], homes["service"], strict=True)))
    status, there = worst["status"].iloc[0], places[places["leak_id"].isin(ids)]
    path = max(there.loc[there["leak_id"].eq(ids[0]), "path"], key=use_of, default="")
    providers = ", ".join(sorted({*worst["provider"]} - {""}))
    named, first = few(worst["variable"].unique(), 3), _first_places(there, ids[0])
    title = named if secret in GATHERED else secret.replace(IN_LOGS, f" in {first.partition(';')[0]}")
    told = f" in {path}" if path and is_kind("general word", secret) else ""
    key = few([name for name in worst["variable"].unique() if name != secret and is_kind("id", name)], 3)
    return {
        "secret": secret,
        "environment": held[0][0] if held and status == STATUSES[0] else "",
        "status": status,
        "held_by": ", ".join("/".join(place) for place in held),
        "covers": tuple((secret, *place) for place in held),
        "leak_ids": ", ".join(ids),
        "providers": providers,
        "named": title + (f" ({providers})" if providers else told),
        "also": f"; with its id {key}" * bool(key) + f"; other values of it that leaked: {more}" * bool(more),
        "places": first,
        "first_at": worst["first_at"].iloc[0],
        "reason": few(every[every["leak_id"].isin(ids)].sort_index()["reason"].unique(), 3, "; "),
        "digest": sha256(" ".join(sorted(ids)).encode()).hexdigest()[:8],
    }


def _first_places(places: pd.DataFrame, leading: str = "") -> str:
    """The most telling places: of the `leading` leak, then those nearest to use; tests come last."""
    named = dict.fromkeys(
        f"{row.path or row.place}{f':{row.line}' if row.line else ''}"
        + (f" in {row.commit[:12]}" if row.commit else "")
        for row in sorted(
            rows(places),
            key=lambda row: (
                (row.leak_id != leading, row.place == UNREACHABLE, -use_of(row.path), row.place != "log"),
                (is_kind("script of people", row.path), not is_kind("seed or deployment", row.path)),
            ),
        )
    )
    return few(named, _MOST_PLACES, "; ", "; and ") + (" in report.json" if len(named) > _MOST_PLACES else "")


def tabulate_chosen_passwords(found: LeakAudit) -> pd.DataFrame:
    """`ChosenPasswords`: what a file in use has now, in the order of `Leaks`, what many choose in one row."""
    places = found.places[found.places["path"].map(use_of).eq(IN_USE)]
    there = found.leaks["leak_id"].isin(places.loc[~places["place"].isin(IN_HISTORY), "leak_id"])
    possible = found.leaks[there].query("kind == 'possible'")
    aside = possible["fingerprint"].map(found.aside)
    names = possible["variable"].mask(aside.eq("default"), COMMON).mask(aside.eq(SET_OTHERWISE), aside)
    return ChosenPasswords.of(
        {
            "variable": name,
            "names": few(some["variable"].unique(), _MOST_NAMES),
            "covers": tuple((one, "", "") for one in some["variable"].unique()),
            "values": len(some),
            "leak_ids": few(some["leak_id"], 5),
            "digest": sha256(" ".join(sorted(some["leak_id"])).encode()).hexdigest()[:8],
            "places": _first_places(places[places["leak_id"].isin(some["leak_id"])]),
        }
        for name, some in possible.groupby(names.where(aside.ne(OTHERS)), sort=False)
    )


def searched_whole(coverage: pd.DataFrame) -> bool:
    """Whether every object of git and every file was searched, by the LeakCoverage."""
    states = coverage.loc[coverage["part"].isin((*_SEARCHED, "files outside", "reports"))]
    return bool(states["state"].eq("searched").all() and set(_SEARCHED) <= set(states["part"]))


def shows_no_leak(coverage: pd.DataFrame) -> bool:
    """Whether no leak found means that there is none: all was searched, and for something."""
    sought = coverage["part"].isin(("values", "patterns")) & coverage["state"].eq("searched")
    return searched_whole(coverage) and bool(coverage.loc[sought, "count"].ne(0).fillna(True).any())


def next_step(leaks: pd.DataFrame, coverage: pd.DataFrame) -> str:
    """What to do first, about the most urgent class that there is."""
    real = leaks[~leaks["kind"].isin(NO_SECRETS)]
    for force, words in zip(FORCES, _DO_FIRST, strict=True):
        if names := list(dict.fromkeys(real.loc[real["force"].eq(force), "variable"])):
            return words.format(few(names, 3))
    if leaks["kind"].isin(("possible", "hash")).any():
        return "take the passwords that are in use out of the files, and let each environment set its own"
    searched = ": no leak was found, and everything" if shows_no_leak(coverage) else ", as far as"
    return f"nothing{searched} was searched"


def exit_code(leaks: pd.DataFrame, coverage: pd.DataFrame, stops: tuple[str, ...]) -> int:
    """3 if a leak is in force, not known or possible, as `stops` says; else 2 if part was not searched."""
    classes = leaks["force"].str.replace(" ", "-").mask(leaks["kind"].isin(NO_SECRETS), leaks["kind"])
    if classes.replace("hash", "possible").isin(stops).any():
        return FOUND
    left_out = coverage["state"].eq("not searched") & coverage["part"].isin((*_SEARCHED, "files outside"))
    return UNDECIDED if (coverage["state"].eq("incomplete") | left_out).any() else 0


@dataclass(frozen=True)
class Purge:
    """What of a repository holds leaked values, and the lines to type, in order, in one shell of bash."""

    purged: tuple[str, ...] = ()  # files that go whole, then those that lose a text, then what is no file
    elsewhere: tuple[str, ...] = ()  # files on disk beside git: logs, bundles, notebooks, copies
    commands: tuple[str, ...] = ()  # none if the history holds nothing


def purge_of(project: Project, places: pd.DataFrame) -> Purge:
    """The purge for rows of LeakPlaces: whatever was found, in the order of its paths. Env files, and what
    left HEAD, go whole; others, as compose files, lose a text. No command holds a value: none is echoed."""
    env_files = {it.path for it in project.env_sources if not (it.example or is_compose(it.path))}
    try:
        head = set[str]().union(*at_head(project.root).values())
    except GitFailed:  # without a repository that can be read nothing is at HEAD
        head = set[str]()
    place, git = places["place"], f"git -C {shlex.quote(str(project.root))}"
    filtered = f"{git} filter-repo --force"
    held = {path.partition("!")[0] for path in places.loc[place.isin(_IN_FILES), "path"]} - {""}  # or archive
    whole = sorted(path for path in held if path in env_files or path not in head)
    texts, tracked = sorted(held.difference(whole)), [path for path in whole if path in head]
    messages, names = bool(place.isin(_IN_MESSAGES).any()), bool(place.eq("path").any())
    untrack = [f"{git} rm --cached -- {shlex.join(tracked)}", f'{git} commit -m "Stop tracking env files"']
    commands = [
        *(untrack if tracked else []),
        *(_REPLACE.replace("{filter}", filtered).splitlines() if texts or messages or names else []),
        *([f"{filtered} --invert-paths {shlex.join(f'--path={path}' for path in whole)}"] if whole else []),
    ]
    return Purge(
        (*whole, *texts, *["commit messages or tags"] * messages, *["names of files"] * names),
        tuple(sorted(set(places.loc[~place.isin(IN_HISTORY), "path"]))),
        tuple(commands),
    )
