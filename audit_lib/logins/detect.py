"""Seven detections: what is found in the logs, what is not found, and what is not known and why."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd

from audit_lib.base.frames import Contract, Field, Instant, Series
from audit_lib.base.in_words import DECLARED, POSSIBLE, SEVERITIES, counted, day_words, few, instant_words
from audit_lib.logins.coverage import DATABASE_FAILURE, NEEDS, REPORTED, Coverage, cover, unusual_silences
from audit_lib.logins.declared import READING, WRITING, may_log_in, tries_in_words
from audit_lib.logins.traffic import START_MESSAGES, RecordedChange, Traffic, fits, next_login, places
from audit_lib.logs.formats import OTHER_ROUTES, SECRET_IN_URL
from audit_lib.logs.logins import FAILED_LOGIN

MINUTE, HOUR, DAY, MOST = 60, 3600, 86400, 200  # seconds; incidents described; a count has others
PAUSE, PROBING_PAUSE, MESSAGE_PAUSE, RESTART = 1440, 60, 60, 5  # minutes until they begin anew, or it is over
GAPS, LONGEST, NEARLY = 3, 3, 0.8  # usual gaps, at most hours, until a slow success; share of one address
FAMILIAR, MANY, QUICK = 3, 200, [(10, 1), (40, 10)]  # days of a person, failures of none, and their pace
BY_SOURCE = ("guessing", "spraying", "let-in", "probing")  # blind where a proxy stands for the callers
EVERYONE, SILENCE = "all sources", "requests"  # subjects: of no address; what was not logged, or not done
# Paths of any form, with no hidden part, without a dot (in the end), short; how many are answered.
ANY_PATH = ("", 3, 1), (r"(?!.*/\.)", 3, 2), ("[^.]*$", 2, 2), (".*/[^./]*$", 2, 2), ("/[^./]*$", 1, 1)
Onset = tuple[RecordedChange | None, pd.DataFrame, pd.DataFrame]  # the change, runs of failures, failures
Build = Callable[[pd.DataFrame], "Incident"]
Ladder = Iterable[tuple[float, ...]]  # so many, or so many of so many labels, within minutes
Episodes = tuple[list["Incident"], pd.Index]  # the incidents, and the events that are part of them


class Detections(Contract):
    """One row for each incident found, and one for each detection that found none or could not be applied."""

    detection: Series[str]  # guessing | spraying | let-in | …
    verdict: Series[str] = Field(isin=("found", "none", "unknown"))
    reason: Series[str]
    subject: Series[str]
    network: Series[str]  # of whoever is seen first; "" if it is about no address
    classification: Series[str]
    cause: Series[str]  # of known clients that fail: rotation | deploy | start; or known
    first_at: Series[Instant] = Field(nullable=True)
    last_at: Series[Instant] = Field(nullable=True)
    seen_at: Series[Instant] = Field(nullable=True)  # when an intruder's new network was answered last
    count: Series[int]
    severity: Series[str] = Field(isin=SEVERITIES)
    evidence: Series[str]  # file:line, separated by "; "


@dataclass(frozen=True)
class Incident:
    """Something that a detection found. A `client` is named, or masked, where the subject is shown."""

    classification: str
    severity: str
    count: int
    subject: str = ""
    client: str = ""
    network: str = ""  # of its first event
    cause: str = ""  # as `Detections` has it; "" for nothing on record
    clients: frozenset[str] = frozenset()  # all that took part
    joined: frozenset[str] = frozenset()  # who was answered after it, or after a success, without a login
    first_at: datetime | None = None
    last_at: datetime | None = None
    seen_at: datetime | None = None  # as `Detections` has it
    evidence: tuple[str, ...] = ()

    def during(self, at: "pd.Series[pd.Timestamp]") -> "pd.Series[bool]":
        """Which instants lie between its first minute and its last."""
        return at.between(pd.Timestamp(self.first_at).floor("min"), pd.Timestamp(self.last_at))  # type: ignore[arg-type]


@dataclass(frozen=True)
class Verdict:
    """What a detection came to; `doubt` is the reason why there may be more than was found."""

    detection: str
    verdict: str  # found | none | unknown
    severity: str
    incidents: tuple[Incident, ...] = ()
    doubt: str = ""


def judge(traffic: Traffic, coverage: Coverage | None = None) -> tuple[Verdict, ...]:
    """What each detection came to, in the order of DETECTIONS. No tries are failures of known clients that
    begin together or whose token ended, of probed files, and a 403 where many read that no policy counts."""
    onsets, outages = list(find_onsets(traffic)), find_outages(traffic)
    coverage = cover(traffic) if coverage is None else coverage  # an empty one lacks nothing
    strange = traffic.failures.drop(list({place for *_, failures in onsets for place in failures.index}))
    strange["ended"] = strange["used"] & ~strange.index.isin(in_windows(strange, "client", QUICK).index)
    seldom = strange.drop(in_windows(strange, "client", traffic.rules["guessing"].ladder[:1]).index)
    strange = strange.drop(seldom.query("known & ~on_login & (ended | method in @READING)").index)
    probed = traffic.requests.query("sensitive and not (there or on_login)")["route"]
    read = traffic.requests[traffic.requests["status"].between(200, 299)].groupby("route")["client"].nunique()
    away = strange["method"].isin(READING) & strange["status"].eq(403)
    away &= strange["route"].map(read).ge(np.inf if traffic.policy.failure_declared else 10)
    unmistaken = strange[~(strange["mistype"] | away | strange["route"].isin(probed))]
    guesses, part = find_guessing(traffic, unmistaken)
    incidents: dict[str, Iterable[Incident]] = {
        "guessing": guesses,
        "spraying": find_spraying(traffic, unmistaken.drop(part)),
        "let-in": find_let_in(traffic, strange[~strange["ended"]]),
        "known-clients-failing": find_known_clients_failing(traffic, onsets, *outages),
        "probing": find_probing(traffic),
        "secret-in-url": find_secrets_in_urls(traffic),
        "application-failing": [*outages, *find_application_failing(traffic, outages)],
    }
    return tuple(_verdict(name, own, traffic, coverage) for name, own in incidents.items())


def _verdict(name: str, incidents: Iterable[Incident], traffic: Traffic, coverage: Coverage) -> Verdict:
    doubt, own = coverage.reason(NEEDS[name]), () if name in BY_SOURCE and traffic.collapsed else incidents
    known, mark = traffic.policy.is_known, "; a known client takes part (known_clients)"
    shown = [replace(it, classification=it.classification + mark * any(map(known, it.clients))) for it in own]
    shown.sort(key=lambda it: (str(it.first_at or ""), it.subject, it.client, it.classification))
    verdict = "found" if shown else "unknown" if doubt else "none"
    return Verdict(name, verdict, traffic.rules[name].severity, tuple(shown), doubt)


def tabulate(verdicts: Iterable[Verdict], name: Callable[[str], str] = str) -> pd.DataFrame:
    """`Detections`: a row for each incident or detection without any; `name` shows a client."""
    return Detections.of(
        {
            **vars(found),
            "detection": one.detection,
            "verdict": one.verdict,
            "reason": "" if one.incidents else one.doubt,
            "subject": name(found.client) if found.client else found.subject,
            "evidence": "; ".join(found.evidence),
        }
        for one in verdicts
        for found in one.incidents or [Incident("", "info" if one.verdict == "none" else one.severity, 0)]
    )


def find_guessing(traffic: Traffic, failures: pd.DataFrame) -> Episodes:
    """The incidents of one address, then of one network, then without an address; and their failures."""
    rule, events, build = traffic.rules["guessing"], traffic.events, partial(_guess, traffic)
    guesses, part = by_source(failures, rule.ladder, PAUSE, build)
    said = events["kind"].isin((FAILED_LOGIN, DECLARED)) & events["status"].isna() & events["client"].eq("")
    unnamed = events[said].dropna(subset="at").assign(all=EVERYONE, on_login=True, known=False, ended=False)
    for guess in guesses:
        unnamed = unnamed[~guess.during(unnamed["at"])]
    more, _ = find_episodes(unnamed, "all", [rule.without_address], rule.without_address[-1], build)
    blind = traffic.untold.query("blind and network not in @failures.network[@part]")
    return [*guesses, *more, *by_source(blind, rule.ladder, PAUSE, build)[0]], part


def _guess(traffic: Traffic, run: pd.DataFrame) -> Incident:
    run = run[~run["known"]] if run.loc[~run["known"], "client"].nunique() >= 3 else run  # not its people
    run = run[run["on_login"]] if run["on_login"].mean() > NEARLY else run  # nor what a login then refuses
    rule, (tries, number, addresses) = traffic.rules["guessing"], traffic.tries(run)
    sure = "client in @run.client and kind != @POSSIBLE and seconds > @run.seconds.median()"
    blind, named = run["kind"].eq(POSSIBLE).all(), run["client"].ne("").all()
    entered = named and len(traffic.let_in.query(sure) if blind else _leading_up(traffic, run, "client")) > 0
    pace = (tries["seconds"] // 60).value_counts().max()
    near = traffic.requests[traffic.requests["client"].isin(run[run["on_login"] & ~run["known"]]["client"])]
    soon = near[near["seconds"].ge(run["seconds"].max() // 60 * 60)]
    back = traffic.joined(near, soon, "") if len(soon) else frozenset[str]()
    clauses = {
        f"{tries_in_words(tries, number)}, at most {pace} in a minute{', then let in' * bool(entered)}": True,
        f"of {addresses} addresses": tries["client"].nunique() > 1,
        "reported by messages without an address": run["client"].eq("").all(),
        "their redirect does not tell, and nobody followed it": blind,
        "from where somebody was let in before": run.drop_duplicates("client")["known"].any(),
        "answered since without a login of its own: it may hold a token": back,
        "a token that has ended is likely: look once": run["ended"].all(),
    }
    is_high = len(run) >= rule.high and rule.severity != "critical"
    is_low = run["ended"].all() or (run["known"].all() and len(run) < traffic.rules["let-in"].known)  # quits
    grave = "critical" if back or (blind and entered) else "high"  # without what tells, no let-in is found
    may_guess = is_high and run["on_login"].any()  # elsewhere it is a token that has ended
    own = "known" * bool(run["known"].all() and run["days"].min() >= FAMILIAR and not may_guess)
    return incident(run, clauses, "low" if is_low else grave if is_high else rule.severity, cause=own,
                    joined=back, seen_at=soon["at"].max() if back else None)  # fmt: skip


def find_spraying(traffic: Traffic, failures: pd.DataFrame) -> Iterator[Incident]:
    """Failures of addresses never let in before, on a login or declared route, of many networks at a time."""
    rule, good, route = traffic.rules["spraying"], traffic.let_in, failures["route"]

    def build(run: pd.DataFrame) -> Incident:
        networks = f"{run['client'].nunique()} addresses in {run['network'].nunique()} networks"
        return incident(run, f"{tries_in_words(run, str(len(run)))}, of {networks}", rule.severity)

    asked = route.isin([*filter(may_log_in, route.unique())]) | fits(route, traffic.policy.access.protected)
    strangers = failures[(asked | failures["on_login"]) & ~failures["known"] & failures["client"].ne("")]
    counting = {"label": "network", "most": rule.most_per_network}
    for spray in find_episodes(strangers, "route", rule.ladder, 2 * PAUSE, build, **counting)[0]:
        meanwhile = good[good["route"].eq(spray.subject) & spray.during(good["at"])]["client"].nunique()
        if len(spray.clients) >= rule.share * meanwhile:
            yield spray


def find_let_in(traffic: Traffic, failures: pd.DataFrame) -> Iterator[Incident]:
    """The successes that failures of their address lead up to, then those of networks; no known person's."""
    rule, own = traffic.rules["let-in"], _leading_up(traffic, failures, "client")
    arrivals = ["client", "answered", own["seconds"].diff().gt(LONGEST * HOUR).cumsum()]
    own = own[~own["known"] | own.groupby(arrivals)["line"].transform("size").ge(rule.known)]
    shared = _leading_up(traffic, failures[~failures["known"]], "network")
    runs = shared.groupby(["network", "answered"])
    first, several = runs["seconds"].transform("min") - MINUTE, runs["client"].transform("nunique").gt(1)
    before = next_login(shared.assign(seconds=first), traffic.let_in, "network", way="backward")
    shared = shared[several & ~(first - before).le(rule.quiet_hours * HOUR)]
    arrived = shared[shared["answered"].eq(shared.groupby("network")["answered"].transform("min"))]
    own = own[own["answered"].eq(own.groupby("client")["answered"].transform("min"))]
    for key, leading in (("client", own.drop(arrived.index, errors="ignore")), ("network", arrived)):
        yield from find_episodes(leading, key, [(1, np.inf)], np.inf, partial(_success, traffic, key))[0]


def _leading_up(traffic: Traffic, failed: pd.DataFrame, key: str) -> pd.DataFrame:
    """The failures in windows that reach a rung, soon after which a success follows, at a stranger's pace."""
    rule = traffic.rules["let-in"]
    frame = failed.assign(answered=next_login(failed, traffic.let_in, key, "door")).dropna(subset="answered")
    frame = in_windows(frame.assign(run=frame.groupby([key, "answered"]).ngroup()), "run", rule.ladder)
    gaps = [frame.groupby(by)["seconds"].diff() for by in ("run", ["run", "client"])]
    usual = pd.concat([gap.groupby(frame["run"]).transform("median") for gap in gaps], axis=1).max(axis=1)
    slow = usual.mask(frame["known"]).fillna(0).mul(GAPS).clip(upper=LONGEST * HOUR)
    last = frame.groupby("run")["seconds"].transform("max")
    return frame[(frame["answered"] - last).le(slow.clip(rule.minutes * MINUTE))]


def _success(traffic: Traffic, key: str, run: pd.DataFrame) -> Incident:
    run = run[run["door"].eq(run["door"].mode()[0])]  # what most were turned away from
    rule, at, good = traffic.rules["let-in"], run["answered"].iloc[0], traffic.let_in
    answers = good[good["seconds"].eq(at) & ~(good["begins"] & run["is_step"].iloc[0])]
    answer = answers.merge(run[[key, "door"]].head(1)).iloc[0]
    tries, number, addresses = traffic.tries(run, until=at + MINUTE)
    several = f" of {addresses} addresses of its network" if key == "network" else ""
    sure = run["seconds"].lt(at).sum() >= rule.ladder[0][0]  # of what is in its minute any may be first
    begun, requests = run["seconds"].min(), traffic.requests  # tries of the last day are of the same arrival
    near, reached = requests[requests["network"].eq(answer["network"])], begun - rule.days * DAY
    is_new = requests["seconds"].min() <= reached and not near["seconds"].between(reached, begun - DAY).any()
    # A person fails less, and slower, and no new address of the network is let in by the day after.
    own = near["client"].eq(answer["client"])
    others = near[near["let_in"] & ~own].groupby("client")["seconds"].min().between(begun - MINUTE, at + DAY)
    few_own = len(run) < MANY and in_windows(run, "client", QUICK[1:]).empty and not others.any()
    wrote = near[own].query("seconds < @begun and method in @WRITING and status < 300 and not on_login")
    days = max(int(run["days"].min()), wrote["at"].dt.date.nunique())  # a session that lasts shows no login
    days = days if few_own and days >= FAMILIAR else 0
    soon = near.query("seconds > @at | seconds == @at & line >= @answer.line")
    soon = soon if is_new else soon[soon["client"].eq(answer["client"]) & soon["seconds"].le(at + DAY)]
    last = near.loc[(own | is_new | near["client"].isin(run["client"])) & near["status"].lt(400), "at"].max()
    joined = traffic.joined(near, soon, answer["client"]) if is_new else frozenset[str]()
    sent = soon[soon["method"].isin(WRITING) & soon["status"].lt(400) & soon["route"].ne(answer["route"])]
    asked = requests.merge(sent[["method", "route"]].drop_duplicates()).groupby(["method", "route"])
    good = soon.assign(name=soon["method"] + " " + soon["route"])[soon["status"].between(200, 299)]
    often = [f"{n} times {it}" for it, n in good.groupby("name")["count"].sum().nlargest(2).items() if n > 9]
    clauses = {
        f"{number} failures{several}, then let in on {answer['route']}": True,
        f"the first perhaps {instant_words(tries['at'].min())}": tries["seconds"].min() < begun,
        f"known here for {days} days: an expired key or a mistyped password is likely; look once": days,
        "in the same minute: which came first is not known": not sure,
        "audit.toml does not declare this a success": answer["doubtful"],
        f"its network was not seen in the {rule.days:.0f} days before": is_new,
        f"answered without a login: {counted(len(joined), 'other address', 'other addresses')} of it": joined,
        f"what it sent {'' if is_new else 'within a day '}after: "
        f"{few(map(' '.join, asked['client'].nunique().sort_values(kind='stable').index), 3)}": len(sent),
        f"what it was answered most often then: {', '.join(often)}": often,
        f"what it read then that few others ask for: {(read := traffic.seldom_read(soon))}": read,
        f"last seen {instant_words(last)}": last.timestamp() > at + DAY,
    }
    most = "medium" if days or (key == "client" and len(run) < rule.known) else "critical" if sure else "high"
    return incident(run, clauses, min(most, rule.severity, key=SEVERITIES.index), client=answer["client"],
                    cause="known" * bool(days), seen_at=last if is_new else None, joined=joined,
                    last_at=max(run["at"].iloc[-1], answer["at"]),
                    evidence=(*places(run), f"{answer['file']}:{answer['line']}"))  # fmt: skip


def find_probing(traffic: Traffic) -> list[Incident]:
    """Incidents of whoever asks for missing routes or sensitive files, and of each file that was answered."""
    requests, rule, users = traffic.requests, traffic.rules["probing"], traffic.let_in["client"]
    sensitive, any_path = requests[requests["sensitive"]], set[str]()
    answered, others = sensitive["status"].between(200, 299), ~requests["client"].isin(sensitive["client"])
    usual = requests[others | (requests["client"].isin(users) & ~requests["sensitive"])]["folder"]
    for form, least, weight in ANY_PATH:
        own = requests[~requests["folder"].isin(usual) & requests["route"].str.match(form)]
        read = own[own["method"].isin(READING)]
        good, gone = ({*read["folder"][read["status"] // 100 == n]} for n in (2, 4))
        any_path |= {*own["route"]} if least <= len(good) > weight * len(gone - good) else set()

    def missing(run: pd.DataFrame) -> Incident:
        least = "at least " if run["route"].eq(OTHER_ROUTES).any() else ""
        text = f"{least}{run['route'].nunique()} requested routes that do not exist or are not allowed"
        return incident(run, text, rule.severity)

    def files(run: pd.DataFrame) -> Incident:
        return incident(run, f"requests for files such as {run.route.iloc[0]}, none answered", rule.severity)

    def served(run: pd.DataFrame) -> Incident:
        route, client, known = run["route"].iloc[0], run["client"].iloc[0], len({*run["client"]} - {""})
        who = counted(known, "address", "addresses") if known else "addresses that are not known"
        how, severity = "but must not be served", "critical"
        if route in any_path:
            how, severity = "as any path may be: whether it is served is not known", rule.severity
        return incident(run, f"{route} was requested by {who} and answered, {how}", severity, client=client)

    probed, many = requests[requests["status"].isin((400, 403, 404))], [(1, rule.routes + 1, rule.minutes)]
    return [
        *by_source(probed, many, PROBING_PAUSE, missing, label="route")[0],
        *by_source(sensitive[~answered], [(rule.sensitive, PROBING_PAUSE)], PROBING_PAUSE, files)[0],
        *find_episodes(sensitive[answered], "route", [(1, np.inf)], np.inf, served)[0],
    ]


def find_secrets_in_urls(traffic: Traffic) -> Iterator[Incident]:
    """Requests whose URL has a secret: one for each route and parameter. The log has the value."""
    hits, severity = traffic.events["message"].eq(SECRET_IN_URL), traffic.rules["secret-in-url"].severity
    for (route, name), own in traffic.events[hits].groupby(["route", "subject"]):
        yield incident(own, f"{name} of the URL is in the log with its value", severity, subject=route)


def find_onsets(traffic: Traffic) -> Iterator[Onset]:
    """Known clients that begin to fail together, by time: after a change on record, or after none."""
    rule, policy, failures = traffic.rules["known-clients-failing"], traffic.policy, traffic.failures
    failures = failures.query("known & ~mistype & (protected | on_login)")
    groups = failures.groupby(["client", failures["success"].rename("recovered")], sort=False, dropna=False)
    runs = groups["seconds"].agg(first="min", last="max", count="size").reset_index()
    lasting = (runs["recovered"].fillna(runs["last"]) - runs["first"]).gt(rule.minutes * MINUTE)
    runs, causes = runs[lasting & runs["count"].ge(2)], list[tuple[RecordedChange | None, pd.DataFrame]]()
    for change in reversed(traffic.changes):  # the nearest change before it is the cause
        rotated, callers = change.kind == "rotation", policy.caller_secrets
        until = change.until.timestamp() + policy.grace(change.name if rotated else "deploy") * HOUR
        own = runs[runs["first"].between(change.at.timestamp() - MINUTE, until)]
        if (not rotated or change.name in (callers or [change.name])) and _is_onset(traffic, change, own):
            causes.append((change, own))
            runs = runs.drop(own.index)
    together = [(1, rule.clients, rule.onset_minutes)]
    runs = in_windows(runs.assign(all=EVERYONE, seconds=runs["first"]), "all", together, label="client")
    begun = runs["seconds"].diff().gt(rule.onset_minutes * MINUTE).cumsum()
    causes += [(None, own) for _, own in runs.groupby(begun) if _is_onset(traffic, None, own)]
    for cause, own in sorted(causes, key=lambda cause: float(cause[1]["first"].min())):
        pairs = failures.reset_index().merge(own[["client", "first", "last"]])
        yield cause, own, failures.loc[sorted({*pairs.query("first <= seconds <= last")["index"]})]


def _is_onset(traffic: Traffic, change: RecordedChange | None, runs: pd.DataFrame) -> bool:
    if runs.empty or (change is not None and change.kind == "rotation"):
        return len(runs) > 0
    rule, good, first = traffic.rules["known-clients-failing"], traffic.let_in, runs["first"].min()
    near = traffic.requests["seconds"].between(first - MINUTE, runs["first"].max() + 2 * HOUR)
    known = {*good.loc[good["seconds"].lt(first), "client"]} & {*traffic.requests.loc[near, "client"]}
    fewest = rule.clients if not traffic.collapsed else 1 if change else np.inf  # few may be an attack
    return bool(runs["client"].nunique() >= max(fewest, rule.share * len(known)))


def find_known_clients_failing(traffic: Traffic, onsets: list[Onset], *down: Incident) -> Iterator[Incident]:
    """An incident for each onset: how many fail, how many are let in again, and what is on record before."""
    rule, own = traffic.rules["known-clients-failing"], traffic.requests.query("let_in | protected & refused")
    for change, runs, failures in onsets:
        kind, cause = change.kind if change else "", "from about the same time on, and no change is on record"
        if change:
            what = f"rotation of {change.name}" if kind == "rotation" else kind
            in_words = day_words if change.until - change.at > pd.Timedelta(hours=12) else instant_words
            cause = f"after the {what} ({in_words(change.at)}; {change.place})"
        meanwhile = own[own["seconds"].between(runs["first"].min() - 59, runs["last"].max())]
        share = meanwhile.loc[meanwhile["refused"], "count"].sum() / max(meanwhile["count"].sum(), 1)
        served = (~meanwhile.groupby("client")["refused"].any()).sum()  # clients, in all that they asked for
        everyone = share >= rule.everyone and served <= runs["client"].nunique()
        stuck, back = runs["recovered"].isna().sum(), (runs["recovered"] - runs["first"]).dropna()
        hit = kind != "rotation" and any(one.during(failures["at"]).mean() > 0.5 for one in down)
        clauses = {
            f"{counted(runs['client'].nunique(), 'known client')} failed {cause}": True,
            f"{len(back)} let in again, half of them within {back.median() / 60:.0f} minutes": len(back),
            f"{stuck} not until the last failure": stuck,
            f"{share:.0%} of the requests failed{', in an outage' * hit}": hit or everyone,
        }
        subject = change.name if change and kind == "rotation" else EVERYONE
        calm = "info" if kind == "rotation" and not stuck else rule.severity
        severity = "info" if hit else "high" if everyone else calm
        last = pd.Timestamp(runs["recovered"].fillna(runs["last"]).max(), unit="s", tz="UTC")
        yield incident(failures, clauses, severity, subject=subject, cause=kind, last_at=last)


def find_application_failing(traffic: Traffic, outages: list[Incident]) -> Iterator[Incident]:
    """Beside outages: failures that messages report, starts that recur, errors of one address, silence."""
    rule, events, requests = traffic.rules["application-failing"], traffic.events, traffic.requests
    errors = requests[requests["status"].ge(500)]
    for outage in outages:
        events = events[~(events["kind"].eq("connection_failed") & outage.during(events["at"]))]
        errors = errors[~outage.during(errors["at"])]
    for kinds, (subject, text, many) in REPORTED.items():
        own = events[events["kind"].isin(kinds)]
        own = own.assign(all=own["file"].where(own["at"].isna(), subject), min=own["seconds"] // MINUTE)
        build = partial(incident, text=text, severity=rule.severity, subject=subject)
        yield from find_episodes(own, "all", [(1, many, MESSAGE_PAUSE)], MESSAGE_PAUSE, build, label="min")[0]
    starts = events[events["message"].isin(START_MESSAGES)].dropna(subset="at")
    build = partial(incident, text="starts again and again", severity=rule.severity, subject="start")
    yield from find_episodes(starts, "file", [(rule.restarts, rule.minutes)], rule.minutes, build)[0]
    build = partial(incident, text="server errors", severity=rule.severity)
    yield from find_episodes(errors, "client", [(rule.errors + 1, rule.minutes)], rule.minutes, build)[0]
    for first, last, fewest in unusual_silences(traffic):
        edges = requests[requests["seconds"].isin((first, last))].drop_duplicates(["seconds", "file"])
        text = f"no request for {(last - first) / HOUR:.1f} hours; each comparable day has {fewest} or more"
        yield incident(edges, text, rule.severity, subject=SILENCE, count=0)


def find_outages(traffic: Traffic) -> list[Incident]:
    """Errors of most requests, or most to several usable routes; of one client a proxy's; low if brief."""
    requests, rule = traffic.requests, traffic.rules["application-failing"]
    failed, at, count = requests["status"].ge(500), requests["at"], requests["count"]
    good, down = at[~failed], traffic.events.query("kind in @DATABASE_FAILURE").dropna(subset="at")
    usable = failed.groupby(requests["route"]).transform("mean").lt(rule.share)

    def build(run: pd.DataFrame) -> Incident:
        last, again = good[good.lt(run["at"].iloc[0])].max(), good[good.gt(run["at"].iloc[-1])].min()
        here = ~at.le(last) & ~at.ge(again)  # what fails from the answer before to the next is part of it
        there = here & usable & requests["route"].isin(run["route"])
        share, part = (count[some & failed].sum() / max(count[some].sum(), 1) for some in (here, there))
        run, told = requests[here & failed], down[~(down["at"].le(last) | down["at"].ge(again))]
        full = ", when the database's disk was full" * ("disk of the database full" in {*told["message"]})
        also = full or f", when {REPORTED[DATABASE_FAILURE][1]}" * (len(told) > 0)
        text = f"{run['count'].sum()} server errors, {share:.0%} of the requests of that time{also}"
        lost = here & (failed | (requests["refused"] & requests["client"].isin({*run["client"]} - {""})))
        part = max(part * (requests.loc[there, "route"].nunique() > 1), count[lost].sum() / count[here].sum())
        brief = again - run["at"].iloc[0] <= pd.Timedelta(minutes=RESTART)
        met = len({*run["client"]} - {""}) != 1 or (brief and run["status"].ge(502).all())
        return incident(run, {text: met and max(share, part) >= rule.share}, "low" if brief else "high")

    ladder = [(rule.errors + 1, rule.minutes), (2 * rule.errors + 1, 6 * rule.minutes)]  # where few ask
    runs, _ = find_episodes(requests[failed].assign(all=EVERYONE), "all", ladder, rule.minutes, build)
    return [*{run.last_at: run for run in runs[::-1] if run.classification}.values()]


def incident(events: pd.DataFrame, text: str | Mapping[str, Any], severity: str, **more: Any) -> Incident:
    """The incident of events in order of time. Of clauses with conditions its text has those that hold."""
    clauses = text if isinstance(text, Mapping) else {text: True}
    words, times = "; ".join(clause for clause, holds in clauses.items() if holds), events["at"].dropna()
    facts: dict[str, Any] = {
        "count": int(events["count"].sum()) if "count" in events else len(events),
        "clients": frozenset(events["client"]) - {""},
        "network": str(events["network"].iloc[0]) if "network" in events else "",
        "first_at": times.min() if len(times) else None,
        "last_at": times.max() if len(times) else None,
        "evidence": places(events),
    }
    return Incident(words, severity, **(facts | more))


def by_source(events: pd.DataFrame, ladder: Ladder, pause: float, build: Build, label: str = "") -> Episodes:
    """What is found by address, then by network: of three that are, and of addresses that are in nothing."""
    alone = in_windows(events, "client", ladder, label=label).sort_values(["network", "seconds"])
    fresh = alone["network"].ne(alone["network"].shift()) | alone["seconds"].diff().gt(pause * 60)
    runs = alone["client"].groupby(fresh.cumsum())
    joint = runs.filter(lambda own: own.nunique() >= 3 and own.value_counts().max() <= NEARLY * len(own))
    incidents, part = find_episodes(events.drop(joint.index), "client", ladder, pause, build, label=label)
    networks, more = find_episodes(events.drop(part), "network", ladder, pause, build, label=label)
    return [*incidents, *networks], part.union(more)


def find_episodes(
    events: pd.DataFrame, key: str, ladder: Ladder, pause: float, build: Build, **counting: Any
) -> Episodes:
    """Incidents of the runs in windows that reach a rung, by time, and their events; beyond MOST a count."""
    events = in_windows(events, key, ladder, **counting)
    fresh = events[key].ne(events[key].shift()) | events["seconds"].diff().gt(pause * 60)
    ends, at, incidents = np.flatnonzero([*fresh, True]).tolist(), events["at"].array, list[Incident]()
    runs = sorted(pairwise(ends), key=lambda run: (at[run[0]], run[0]))
    for low, high in runs[:MOST]:
        found, name = build(events.iloc[low:high]), str(events[key].iloc[low])
        own = {"client": name} if key == "client" else {"subject": name}
        incidents.append(found if found.client or found.subject else replace(found, **own))  # type: ignore[arg-type]
    if others := runs[MOST:]:
        text, count = counted(len(others), "more incident"), sum(high - low for low, high in others)
        incidents.append(Incident(text, incidents[-1].severity, count, first_at=at[others[0][0]]))
    return incidents, events.index


def in_windows(
    events: pd.DataFrame, key: str, ladder: Ladder, *, label: str = "", most: float = np.inf
) -> pd.DataFrame:
    """The events in a window of one key that reaches a rung, in the order of key, then time. It holds so many
    `label`s that differ, too, and of each `most` events count. Events weigh their `count`."""
    events = events[events[key].ne("")].sort_values([key, "seconds"], kind="stable")
    weights = events["count"].tolist() if "count" in events else [1] * len(events)
    keys, at, labels = (events[column].tolist() for column in (key, "seconds", label or key))
    marks = np.zeros(len(events), bool)
    for least, *several, minutes in ladder:
        held, total, low, done = Counter[Any](), 0.0, 0, 0
        for high, (name, weight) in enumerate(zip(labels, weights, strict=True)):
            total += min(most, held[name] + weight) - min(most, held[name])
            held[name] += weight
            while keys[low] != keys[high] or at[high] - at[low] > minutes * 60:
                rest = held.pop(labels[low]) - weights[low]
                total += min(most, rest) - min(most, rest + weights[low])
                if rest > 0:
                    held[labels[low]] = rest
                low += 1
            if total >= least and len(held) >= max([1, *several]):
                marks[max(done, low) : high + 1] = True
                done = high + 1
    return events[marks]
