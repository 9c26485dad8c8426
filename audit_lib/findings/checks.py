"""The checks: the texts of each in checks.toml, its condition here; those of earlier ones come first."""

import math
import tomllib
from collections import defaultdict
from hashlib import sha256
from pathlib import Path

import pandas as pd

from audit_lib.base.frames import rows
from audit_lib.base.in_words import few, instant_words
from audit_lib.findings.check import Check, Predicate, Rows, Tables, check_of, every, when
from audit_lib.findings.documents import OTHER_GUIDE
from audit_lib.leaks.tables import ALONE, CHOSEN, COMMON, GATHERED, KEY_ID, OTHERS, PAST, PUBLIC, UNHELD
from audit_lib.logs.formats import SECRET_IN_URL, SHOWING_VALUES
from audit_lib.logs.values import BEHIND
from audit_lib.secrecy.strength import GUESSABLE_BITS, WEAKEST_BITS
from audit_lib.secrets.env import UNKNOWN_VALUES
from audit_lib.secrets.inventory import DEVELOPMENT, knows_production
from audit_lib.secrets.loaders import is_compose

# Faults of a line (secrets/env.py) with which the service may hold another value than was meant.
READ_DIFFERENTLY = (*UNKNOWN_VALUES, "altered", "smart-quotes", "spaces", "invisible", "utf-16", "case")
GUESSED = ("guessing", "spraying", "let-in")
UNLIMITED, ENOUGH = 20, 5  # failed logins an hour that nothing limits; so many hours of them if one got in
COMPOSE = r"(?:\S*/)?(?:docker-)?compose(?!\S*(?:dev|test|local|e2e))[\w.-]*\.ya?ml"
MINUTE, DAY = pd.Timedelta("1min"), pd.Timedelta("1D")
MANY_LINES = 0.05  # above this share of lines not understood, or without a time, counts say little
ONCE = (  # a route and what it shows: good for one use, or for one link; no webhook's
    r"(?i)(?!.*hook).*(?:(?:reset|invit|verif|activat|confirm|magic|callback|e-?mail|export).* (?:token|code)"
    rf"| {BEHIND}.*| signature)"
)
DESCRIBED = {"owner": "owner", "purpose": "purpose", "reach": "reach", "period_reason": "reason of its limit"}


def has(column: str, *words: object) -> Predicate:
    """Rows with one of such words in a column; a null is none of them."""
    return Predicate(lambda rows: rows[column].isin(words))


def yes(column: str) -> Predicate:
    """Rows whose truth is known and true."""
    return Predicate(lambda rows: rows[column].fillna(False))


def no(column: str) -> Predicate:
    """Rows whose truth is known and false."""
    return Predicate(lambda rows: ~rows[column].fillna(True).astype(bool))


def null(column: str) -> Predicate:
    """Rows of which something is not known."""
    return Predicate(lambda rows: rows[column].isna())


def more_than(column: str, least: float) -> Predicate:
    """Rows with a larger known number."""
    return Predicate(lambda rows: rows[column].gt(least).fillna(False))


def with_lines(table: Rows, tables: Tables) -> Rows:
    """The rows with `line_of`, and `other_line_of` if they compare: FILE:LINE of their secrets. Without a
    line in the inventory it is ENVIRONMENT/SERVICE, since no value was seen there."""
    columns, lines = ["secret", "environment", "service", "source", "line"], defaultdict(list)
    for row in rows(tables["inventory"][columns].dropna(subset="line")):
        for service in {row.service, ""}:
            lines[row.secret, row.environment, service].append(f"{row.source}:{row.line}")
    for side in ("", "other_"):
        names = [f"{side}{name}" for name in ("secret", "environment", "service")]
        if "environment" not in table or names[0] not in table:
            continue
        columns = [name if name in table else name.removeprefix("other_") for name in names]
        places = zip(*(table[name].astype(str).tolist() for name in columns), strict=True)
        cited = [", ".join(lines.get(place, ())) or "/".join(filter(None, place[1:])) for place in places]
        table = table.assign(**{f"{side}line_of": pd.Series(cited, table.index, dtype="str")})
    return table


def with_names(drift: Rows, tables: Tables) -> Rows:
    """The rows of `with_lines`, with `names`: A=B=C for all that hold the value of the first in its place, or
    the two that must differ. `others` are the next 19, quoted as in a list of audit.toml."""
    marks = tables["inventory"].set_index(["secret", "environment", "service"])["fingerprint"].to_dict()
    keys = [(it.why, *it[1:3], it if it.why == "must differ" else marks.get(it[:3])) for it in rows(drift)]
    held: dict[object, dict[str, None]] = defaultdict(dict)
    for key, it in zip(keys, rows(drift), strict=True):
        held[key] |= {it.secret: None, it.other_secret: None}
    others = ['", "'.join([*held[key]][1:20]) for key in keys]
    return with_lines(drift.assign(names=[few(held[it], 20, "=", "=") for it in keys], others=others), tables)


def without_settings(sources: Rows, tables: Tables) -> Rows:
    """The files that may hold a secret; `hosted`: a blueprint says what platform is to hold their values."""
    held, blank = tables["inventory"], has("state", "missing", "empty")
    known = (has("kind", "setting") | blank | yes("placeholder") | yes("template") & GUESSABLE)(held)
    bare = sources["source"].isin({*held.loc[known, "source"]} - {*held.loc[~known, "source"]})
    lost = sources["not_understood"].mask(sources["source"].str.endswith(".envrc"), 0)  # it has commands
    return sources.assign(hosted="blueprint value" in {*tables["configuration"]["topic"]})[
        ~(bare & lost.eq(0).fillna(False).astype(bool))
    ]


def of_secrets(files: Rows, tables: Tables) -> Rows:
    """The answers about files but for those about env files that `without_settings` leaves out."""
    bare = {*tables["sources"]["source"]} - {*without_settings(tables["sources"], tables)["source"]}
    return files[~files["subject"].isin(bare)]


def with_guessable(sources: Rows, tables: Tables) -> Rows:
    """The files of `without_settings`, with the secrets that git shows in each and that anybody would guess:
    `guessable` in words, each of them and the file as `covers`, their `digest`, if they are `alone` in it,
    and if it is `aside`: of development, while production's values are known."""
    told, held = without_settings(sources, tables), tables["inventory"]
    shown, kinds = SHOWN_BY_GIT(held), held["kind"]
    known = kinds.mask(shown | kinds.eq("identifier"), "setting")
    names = [sorted(held.loc[shown & held["source"].eq(source), "secret"]) for source in told["source"]]
    covers = (
        tuple((name, row.environment, row.service) for name in (row.kind, *some) if some)
        for row, some in zip(rows(told), names, strict=True)
    )
    return told.assign(
        guessable=[f"; anybody could guess {len(it)} of them ({few(it, 20)})" if it else "" for it in names],
        covers=pd.Series(covers, told.index, dtype=object),
        digest=[sha256(" ".join(some).encode()).hexdigest()[:8] for some in names],
        alone=lambda it: (
            it["guessable"].ne("")
            & ~it.index.isin(without_settings(told, {**tables, "inventory": held.assign(kind=known)}).index)
        ),
        aside=(TRACKED & IN_DEVELOPMENT)(told) & knows_production(held),
    )


def with_uses(chosen: Rows, tables: Tables) -> Rows:
    """The passwords. `used`: code falls back to one, or production is not known."""
    unset = {*tables["population"].query("read == 'yes' and supplied != 'yes'")["name"]}
    blind, covers = not knows_production(tables["inventory"]), chosen["covers"]
    return chosen.assign(used=[blind or not unset.isdisjoint(name for name, _, _ in it) for it in covers])


def lines_with_values(events: Rows, requests: Rows, places: Rows) -> Rows:
    """The events and requests whose lines show a value: `key` is its leak, else route and name."""
    here = places.rename(columns={"path": "file"}).drop_duplicates(["file", "line"])
    shown = events[events["message"].isin(SHOWING_VALUES)].merge(here, "left", ["file", "line"])
    both = pd.concat([shown, requests.merge(here, on=["file", "line"])], ignore_index=True)
    return both.assign(key=both["leak_id"].fillna(both["route"] + " " + both["subject"]))


def senders_of(shown: Rows, requests: Rows) -> Rows:
    """Each address that sent what lines show, of `many`: strangers first, then the last to begin. A `new` one
    is of a network in no earlier line; a `stranger` is new, was answered, and most before it were not new."""
    begun = requests.groupby("network")["at"].transform("min")
    begun = begun.where(begun.gt(begun.min()))  # before the first line everybody is new
    origin = requests.assign(begun=begun).drop_duplicates("client")[["client", "network", "begun"]]
    sent = shown[shown["client"].ne("")].dropna(subset="at").sort_values("at", kind="stable")
    each = sent.drop_duplicates(["key", "client"]).drop(columns="network").merge(origin, "left")
    keys, new = each.groupby("key")["network"], each["at"].sub(each["begun"]).lt(MINUTE)
    came = new & each["network"].ne(keys.transform("first"))
    good = requests.loc[requests["status"].lt(400), ["client", "route"]].drop_duplicates()
    answered = each.merge(good, "left", indicator=True)["_merge"].eq("both")
    strange = came & came.groupby(each["key"]).transform("mean").le(0.5) & answered
    # Where three values and 5 % meet newcomers, as links do that a mail's scanner opens first, it is usual.
    at = each["route"] + " " + each["subject"].fillna("")
    met = each[strange].groupby(at)[["key", "network"]].nunique().min(axis=1)
    usual = met.ge(each.groupby(at)["key"].nunique().mul(0.05).clip(lower=3))
    many = keys.transform("size")  # without its value a line is one of all that show the name of its URL
    wide = sent["client"].groupby(sent["route"] + " " + sent["subject"]).nunique()
    many = many.where(many.eq(1), each["key"].map(wide).fillna(many)).astype(int)
    each = each.assign(many=many, new=new, stranger=strange & ~at.isin(usual.index[usual]))
    return each[::-1].sort_values("stranger", ascending=False, kind="stable")


def with_senders(table: Rows, tables: Tables) -> Rows:
    """The leaks, or log lines that show values, first what a stranger sent, then what the fewest did, as
    `senders` says. `logged`: logs alone hold it, in lines with a finding of their own; `told`: in such a
    line without one, since its value is in force and the leak has one."""
    places, requests = tables["leak_places"], tables["log_minutes"].rename(columns={"minute_at": "at"})
    requests = requests.assign(network=requests["client"].str.split(" ").str[0])
    shown, begun = lines_with_values(tables["log_events"], requests, places), requests["at"].min() + DAY
    lines, senders = shown.dropna(subset="message"), senders_of(shown, requests)
    named = {  # the first row of each counts
        one.key: (
            one.many * (not one.stranger),
            f", sent by {f'{one.many} addresses, one of them ' if one.many > 1 else ''}{one.client} since "
            f"{instant_words(one.at)}{' from a new network' if one.new and one.at >= begun else ''}",
        )
        for one in rows(senders[senders["many"].gt(1) | senders["new"]][::-1])
    }
    logged = {*lines["leak_id"]} - {*places.loc[places["place"].ne("log"), "leak_id"]}
    once = (lines["route"] + " " + lines["subject"]).str.fullmatch(ONCE)
    strange = lines["key"].isin(senders.loc[senders["stranger"], "key"])
    strange &= lines["subject"].str.startswith(BEHIND) | ~once  # a link's, or what is good for longer
    old = once & lines["at"].lt(pd.Timestamp(tables["log_coverage"]["as_of"].max()) - 7 * DAY)
    grade = old.map({True: "medium", False: "high"})
    grade = grade.mask(strange | lines["message"].ne(SECRET_IN_URL), "critical")
    in_force = tables["leaked_secrets"].query("status == 'emergency'")["leak_ids"].str.split(", ").explode()
    lines = lines.assign(leak_ids=lines["key"], grade=grade, told=lines["leak_id"].isin(in_force), once=once)
    table = table if "leak_ids" in table else lines
    ids = [one.split(", ") for one in table["leak_ids"]]
    first = [min(named.get(one, (math.inf, "")) for one in some) for some in ids]
    table = table.assign(logged=list(map(logged.issuperset, ids)), senders=[words for _, words in first])
    return table.iloc[sorted(range(len(ids)), key=first.__getitem__)]


def with_tracked(leaks: Rows, tables: Tables) -> Rows:
    """The rows of `with_senders`. A value is `aside` if it is development's, of a file that git tracks, while
    production's values are known."""
    sources, held = tables["sources"], tables["inventory"]
    own = held[IN_DEVELOPMENT(held) & held["source"].isin(sources.loc[TRACKED(sources), "source"])]["secret"]
    aside = (IN_DEVELOPMENT & has("secret", *own))(leaks) & knows_production(held)
    return with_senders(leaks.assign(aside=aside), tables)


def without_parts(detections: Rows, _tables: Tables) -> Rows:
    """The incidents, most lines first, those without a time last. No guessing with a success on that day, nor
    of a network with less than UNLIMITED tries in all; what else one tries has the subject of its largest."""
    wide = detections[_found("let-in")(detections)]
    both = detections.reset_index().merge(wide, on="network", suffixes=("", "_in"))
    begun = both["first_at"].between(both["first_at_in"] - DAY, both["last_at_in"] + MINUTE)
    part = begun & has("detection", "guessing")(both) & (both["last_at"] - both["last_at_in"]).le(DAY)
    most = detections.drop(both.loc[part, "index"]).sort_values("count", ascending=False, kind="stable")
    guesses = (_found("guessing") & has("severity", "medium"))(most)
    by = most.groupby(most["network"].where(guesses, pd.Series(most.index, most.index)), sort=False)
    most = most.assign(subject=by["subject"].transform("first"), tries=by["count"].transform("sum"))
    return most[~guesses | most["tries"].ge(UNLIMITED)].sort_values("first_at", key=pd.isna, kind="stable")


def without_limit(detections: Rows, tables: Tables) -> Rows:
    """The incidents with many refusals an hour, or in all if one was let in, that outnumber the 429."""
    hours = (detections["last_at"] - detections["first_at"]).dt.total_seconds().div(3600).clip(lower=1)
    hours = hours.mask(_found("let-in")(detections), hours.clip(upper=ENOUGH))
    many = detections[detections["count"].ge(UNLIMITED * hours) & (_found(*GUESSED) & ~FAMILIAR)(detections)]
    at = tables["log_events"].dropna(subset="status").set_index("status")["at"]  # messages show no limit
    answers = [at[at.between(*span)].index for span in zip(many["first_at"], many["last_at"], strict=True)]
    least = [sum(given == 429) if len(given) else math.inf for given in answers]
    return without_parts(many[many["count"].gt(least)], tables)


def without_lines_of_settings(entries: Rows, tables: Tables) -> Rows:
    """The lines without those of settings whose value is not known; what a loader surely alters stays."""
    settings = tables["inventory"].query("kind == 'setting'").dropna(subset="line")
    cited = set(zip(settings["source"], settings["line"], strict=True))
    of_setting = [place in cited for place in zip(entries["source"], entries["line"], strict=True)]
    not_known = entries["faults"].map(lambda faults: set(faults.split(",")) <= set(UNKNOWN_VALUES))
    return entries[~(pd.Series(of_setting, entries.index, dtype=bool) & not_known.astype(bool))]


def without_composed(inventory: Rows, tables: Tables) -> Rows:
    """The variables without those that a compose file of the project sets, but for development alone. Those
    of development that no rule calls critical are `aside` while production's values are known."""
    known = tables["population"].rename(columns={"name": "secret"})[["secret", "service", "supply_reason"]]
    both = inventory.merge(known, "left")
    aside = (IN_DEVELOPMENT & ~has("missing_severity", "critical"))(both) & knows_production(both)
    return both.assign(aside=aside)[~both["supply_reason"].fillna("").str.match(f"set in {COMPOSE}:")]


def with_older(inventory: Rows, tables: Tables) -> Rows:
    """The variables, with those in words whose value is `older` than a limit that nobody stated."""
    late = tables["freshness"].query("status == 'overdue' and not period_stated")["secret"]
    return inventory.assign(older=f"; older than that: {few(dict.fromkeys(late), 5)}" * bool(len(late)))


def with_lacking(ownership: Rows, tables: Tables) -> Rows:
    """The secrets that a place holds or must, with `lacking`: what the policy does not say of each."""
    held = tables["inventory"]
    ownership = ownership[ownership["secret"].isin(held.loc[(PRESENT | HELD & DEMANDED)(held), "secret"])]
    own = {*held.loc[held["period_stated"], "secret"]}  # a limit by default has no reason
    lacking = [
        [word for key, word in DESCRIBED.items()
         if not getattr(row, key) and (key != "period_reason" or (row.max_age_days and row.secret in own))]
        for row in rows(ownership)
    ]  # fmt: skip
    return ownership.assign(lacking=pd.Series(map(", ".join, lacking), ownership.index, dtype="str"))


HELD = has("state", "present", "not supplied")  # a value, or none is known: nothing of the place was supplied
PRESENT, MISSING = has("state", "present"), has("state", "missing")
SECRET, ANY_SECRET = has("kind", "secret"), has("kind", "secret", "unlisted")
OWN = PRESENT & no("placeholder") & ~(yes("compromised") | no("default_ok"))  # of one fault one finding
LONG_ENOUGH = OWN & ~has("length", "short")
KNOWN = PRESENT & ~null("placeholder")  # of another one finding is enough
BROWSER_SECRET, IN_DEVELOPMENT = yes("public") & ANY_SECRET, has("environment", *DEVELOPMENT)
DEMANDED = yes("demanded") & has("required", "always", "production")
# What may be unset: what is optional, and what is no secret unless the policy grades it.
ONLY_LISTED = has("required", "optional", "") | ~ANY_SECRET & has("missing_severity", "")
GUESSABLE = Predicate(lambda rows: rows["strength_bits"].lt(GUESSABLE_BITS).fillna(False))
SHOWN_BY_GIT = yes("shown_by_git")  # and anybody would guess it: the finding about its file names it
# What development is meant to have: an example shows it, and anybody would guess it or is to replace it.
SHARED_BY_ALL = yes("template") & (GUESSABLE | yes("placeholder")) & IN_DEVELOPMENT | SHOWN_BY_GIT

NO, NOT_KNOWN = has("answer", "no"), has("answer", "unknown")
SAME, UNKNOWN, USED = has("relation", "same"), has("relation", "unknown"), yes("used")
WHOLE, PAIRED, EASY = has("component", "whole", "password"), has("why", "pairing"), has("variable", COMMON)
GRAVE, FAMILIAR = has("severity", "medium", "high", "critical"), has("cause", "known")
ON_DISK, ENV_FILE, TRACKED = has("state", "read", "empty"), has("kind", "env file"), yes("tracked")
COMPOSED = Predicate(lambda rows: rows["source"].map(is_compose).notna())
PRIVATE = ON_DISK & ~(COMPOSED & TRACKED) & has("kind", "env file", "backup", "export")  # not for git
ALL_MAY_READ = Predicate(lambda rows: ~rows["mode"].fillna("0600").str.endswith("0"))
MANY_LOST = Predicate(lambda rows: rows["not_understood"].gt(rows["lines"] * MANY_LINES).fillna(True))
MANY_UNTIMED = Predicate(lambda rows: rows["untimed"].gt(rows["counted"] * MANY_LINES))


def _asked(column: str) -> Predicate:
    """Variables whose value answers a question, or may answer it: it is not known."""
    return ~null(column) | HELD & null("placeholder")


def _found(*detections: str) -> Predicate:
    return has("verdict", "found") & GRAVE & has("detection", *detections)


def _line_fault(*faults: str) -> Predicate:
    return Predicate(lambda rows: rows["faults"].map(lambda text: not {*faults}.isdisjoint(text.split(","))))


MAY_BE_THEIRS = GRAVE & FAMILIAR | _found("let-in") & has("severity", "medium")  # few tries
UNANSWERED = has("status", "open", "expired") & ~has("question", "")  # that the policy asks
OF_POLICY = Predicate(lambda rows: [{"policy", "examples"} & {*it} == {"policy"} for it in rows["known_by"]])

CONDITIONS = {  # in the order of checks.toml, whose tables tell its parts
    "tries-not-limited": when(every, prepare=without_limit),
    "attack-on-logins": when(MAY_BE_THEIRS, _found("let-in"), _found(*GUESSED), prepare=without_parts),
    "change-broke-logins": when(_found("known-clients-failing")),
    "scan-or-flood": when(_found("probing") & has("severity", "critical")),
    "unusual-traffic": when(  # database and start have checks of their own
        _found("application-failing") & ~has("subject", "database", "start"), prepare=without_parts
    ),
    "leaked-in-force": when(yes("aside"), every, about=has("status", "emergency"), prepare=with_tracked),
    "leak-undecided": when(
        has("status", "unknown") & has("secret", OTHERS),
        has("status", "unknown") & has("secret", PUBLIC),
        has("status", "unknown") & has("secret", ALONE[0]) & has("providers", ""),
        has("status", "unknown") & has("reason", CHOSEN),
        has("status", "unknown") & has("secret", *ALONE, UNHELD, PAST) & has("providers", ""),
        has("status", "unknown") & has("secret", *ALONE[:2], UNHELD),
        has("status", "unknown") & has("secret", *GATHERED) & ~has("providers", ""),
        has("status", "unknown") & has("secret", *GATHERED),
        has("status", "unknown") & has("reason", KEY_ID),
        has("status", "unknown"),
        about=no("logged"),
        prepare=with_senders,
    ),
    "leaked-before": when(has("status", "historic")),
    "password-in-file": when(
        has("variable", GATHERED[-1]), EASY & USED, EASY, USED, more_than("values", 0), prepare=with_uses
    ),
    "leak-search-incomplete": when(
        has("state", "incomplete") | has("state", "not searched") & has("part", "git objects", "files")
    ),
    "pairing-mismatch": when(has("relation", "different"), UNKNOWN, about=PAIRED, prepare=with_lines),
    "reused-across-environments": when(
        WHOLE & SAME, SAME, WHOLE & UNKNOWN, about=has("why", "environments"), prepare=with_lines
    ),
    "reused-across-names": when(
        has("why", "must differ") & SAME,
        has("why", "names") & SAME,
        has("why", "coupled") & SAME,
        has("why", "must differ") & UNKNOWN,
        about=has("why", "names", "must differ", "coupled"),
        prepare=with_names,
    ),
    "half-done-rotation": when(has("relation", "apart"), UNKNOWN, prepare=with_lines),
    "not-rotated-since-event": when(
        NO, NOT_KNOWN & ~has("secret", ""), NOT_KNOWN, about=has("kind", "leaver", "breach")
    ),
    "looked-at-values": when(NO, NOT_KNOWN, about=has("kind", "access")),
    "compromised-value": when(PRESENT & yes("compromised"), KNOWN & null("compromised"), about=HELD),
    "placeholder-value": when(
        PRESENT & yes("placeholder"),
        PRESENT & no("default_ok"),
        OWN & SECRET & yes("template"),
        PRESENT & null("placeholder") & ~has("kind", "setting"),
        PRESENT & SECRET & null("template"),
        about=HELD & ~SHARED_BY_ALL & ~(has("kind", "setting") & IN_DEVELOPMENT),
    ),
    "weak-value": when(
        (PRESENT & yes("placeholder") | LONG_ENOUGH & SECRET & GUESSABLE & yes("template")) & ~SHARED_BY_ALL,
        OWN & has("length", "short"),
        LONG_ENOUGH & SECRET & GUESSABLE & yes("issued") & more_than("strength_bits", WEAKEST_BITS),
        LONG_ENOUGH & SECRET & GUESSABLE & ~yes("template"),
        LONG_ENOUGH & no("classes_ok"),
        OWN & has("length", "below good"),
        KNOWN & (SECRET & null("strength_bits") | ~null("min_length") & has("length", "")),
        about=HELD & ~SHOWN_BY_GIT & (SECRET | ~null("min_length") | _asked("classes_ok")),
    ),
    "forbidden-format": when(PRESENT & no("forbidden_format_ok"), about=_asked("forbidden_format_ok")),
    "wrong-format": when(
        LONG_ENOUGH & no("format_ok"),
        LONG_ENOUGH & no("usual_format_ok") & ~no("forbidden_format_ok"),
        KNOWN & (~has("format", "") & null("format_ok") | ~has("usual_format", "") & null("usual_format_ok")),
        about=HELD & ~(has("format", "") & has("usual_format", "")),
    ),
    "ambiguous-url": when(OWN & no("url_ok"), about=_asked("url_ok")),
    "unexpected-setting": when(PRESENT & no("expected_ok"), about=_asked("expected_ok")),
    "public-exposure": when(  # if the guide itself calls a value harmless in public, that is decided
        BROWSER_SECRET & PRESENT & ~has("exposure_severity", "info"), about=ANY_SECRET & ~MISSING
    ),
    "public-secret-demanded": when(MISSING, about=BROWSER_SECRET & DEMANDED),
    "missing-secret": when(
        DEMANDED & MISSING & yes("aside"),
        DEMANDED & MISSING,
        has("required", "recommended") & yes("demanded") & MISSING,
        has("required", "feature") & MISSING,
        about=~(ONLY_LISTED | BROWSER_SECRET & DEMANDED),
        prepare=without_composed,
    ),
    "empty-secret": when(has("state", "empty"), about=~(MISSING | ONLY_LISTED)),
    "two-values-in-one-place": when(  # the second one stands under SERVICE (FILE)
        Predicate(lambda rows: rows["service"].str.endswith(")")), about=HELD
    ),
    "unlisted-secret": when(has("kind", "unlisted"), about=PRESENT),
    "no-rotation-period": when(  # what is exempt, or public by the policy, has no age
        PRESENT & no("period_stated") & ~SHARED_BY_ALL,
        about=HELD & SECRET & ~(yes("public") & has("exposure_severity", "info") | null("max_age_days")),
        prepare=with_older,
    ),
    "undeclared-variable": when(  # secrets in force that no policy lists have a check of their own
        has("group", "secrets") & has("declared", False) & ~(has("supplied", "yes") & ~has("read", "yes"))
    ),
    "declared-read-nowhere": when(has("read", "no"), has("read", "unknown"), about=OF_POLICY),
    "secret-not-described": when(has("owner", ""), ~has("lacking", ""), prepare=with_lacking),
    "secret-not-reviewed": when(
        has("review", "late"), has("review", "missing") & has("lacking", ""), prepare=with_lacking
    ),
    "rotation-not-done": when(yes("claimed_not_done"), yes("rotated_back"), prepare=with_lines),
    "overdue-secret": when(has("status", "overdue"), about=yes("period_stated"), prepare=with_lines),
    "overdue-by-the-period-for-all": when(
        has("strict_status", "overdue") & ~(has("status", "overdue") & yes("period_stated")),
        prepare=with_lines,
    ),
    "due-secret": when(has("status", "due"), about=yes("period_stated"), prepare=with_lines),
    "unknown-age": when(has("status", "unknown") & ~has("reason", "not supplied"), prepare=with_lines),
    "evidence-conflict": when(yes("conflict"), prepare=with_lines),
    "unrecorded-rotation": when(yes("unrecorded_rotation"), prepare=with_lines),
    "tracked-env-file": when(
        yes("aside"), yes("alone"), TRACKED, null("tracked"), about=PRIVATE, prepare=with_guessable
    ),
    "unignored-env-file": when(
        no("ignored") & ~TRACKED, null("ignored") & no("tracked"), about=PRIVATE, prepare=without_settings
    ),
    "open-file-mode": when(  # of a tracked file every clone has them, and git keeps no mode
        ALL_MAY_READ, ~has("mode", "0400", "0600", "0700"), about=PRIVATE & ~TRACKED, prepare=without_settings
    ),
    "values-on-disk": when(
        has("kind", "export"),
        has("kind", "backup"),
        ENV_FILE & has("environment", "production") & yes("hosted"),
        about=ON_DISK & ~(ENV_FILE & ALL_MAY_READ & ~TRACKED),  # which is its finding
        prepare=without_settings,
    ),
    "source-not-read": when(
        has("state", "empty") & has("kind", "log", "example", "backup"),
        has("state", "missing") & ~has("kind", "example"),
        has("state", "unreadable", "refused", "empty"),
    ),
    "guide-changed": when(has("reason", OTHER_GUIDE), about=has("kind", "guide")),
    "env-line-not-understood": when(has("state", "not understood")),
    "value-read-differently": when(
        _line_fault("duplicate"),
        has("faults", *UNKNOWN_VALUES[:2]),
        _line_fault(*READ_DIFFERENTLY),
        about=~has("kind", "example", "backup") & ~null("name") & ~(COMPOSED & has("faults", "reference")),
        prepare=without_lines_of_settings,
    ),
    "secret-in-blueprint": when(NO, NOT_KNOWN, about=has("topic", "blueprint value")),
    "previews-inherit-secrets": when(NO, NOT_KNOWN, about=has("topic", "blueprint preview")),
    "env-file-in-image-context": when(NO, NOT_KNOWN, about=has("topic", "image context"), prepare=of_secrets),
    "ignored-example-file": when(NO, about=has("topic", "example kept")),
    "configuration-not-read": when(NOT_KNOWN, about=has("topic", "file")),
    "value-in-log": when(
        yes("told"), yes("once"), has("message", SECRET_IN_URL), every, prepare=with_senders
    ),
    "start-up-failed": when(
        has("message", "required secret missing"),  # by its name in log_formats.toml
        has("kind", "secret_validation_failed"),
        has("kind", "startup_failed"),
    ),
    "database-failure": when(has("kind", "database_failure"), has("kind", "connection_failed")),
    "log-gap": when(has("counted", 0), Predicate(lambda rows: rows["days_read"].lt(rows["days"]))),
    "untimed-log-lines": when(MANY_UNTIMED, more_than("untimed", 0)),
    "log-not-understood": when(
        more_than("not_understood", 0) & ~MANY_LOST,
        more_than("not_understood", 0) | more_than("text_only", 0) & has("requests", 0) & has("messages", 0),
        about=has("kind", "log"),
    ),
    "detection-not-applied": when(has("verdict", "unknown") & GRAVE),
    "ledger-fault": when(yes("lost"), every),
    "settings-changed": when(yes("known"), no("known")),
    "rule-not-met": when(has("status", "answered no"), UNANSWERED),
}

_TEXTS = tomllib.loads(Path(__file__).with_name("checks.toml").read_text("utf-8"))
_DEFAULTS = _TEXTS.pop("defaults")  # by table
REASONS = _TEXTS.pop("reasons")  # why an age is not known, as Freshness has it and as a reader does
CHECKS: tuple[Check, ...] = tuple(
    check_of({"id": id_, "table": table, **_DEFAULTS.get(table, {}), **block}, CONDITIONS[id_])
    for table, blocks in _TEXTS.items()
    for id_, block in blocks.items()
)
BY_ID = {check.id: check for check in CHECKS}
SUCCESSORS = {earlier: check.id for check in CHECKS for earlier in check.formerly}  # of checks before 0.3.0
