"""What may explain an incident: six explanations, each with what speaks for it, against it, and is missing.
What happened is what the detections say, and nothing else: what they found counts for or against, what they
did not find counts only if they say "none", and what they cannot say is missing evidence."""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace

import pandas as pd

from audit_lib.base.frames import rows
from audit_lib.base.in_words import few, instant_words
from audit_lib.findings.checks import lines_with_values, senders_of
from audit_lib.incident.case import APPLICATION, GUESSING, KNOWN_CLIENTS, LET_IN, MOST, URLS, Case, names_of
from audit_lib.incident.exposure import public_twins, values_of
from audit_lib.incident.outage import deploys_around, find_outage, is_of_variables, pairs_apart
from audit_lib.leaks.tables import PRODUCTION, shows_no_leak
from audit_lib.logins.declared import WRITING
from audit_lib.logins.detect import Incident
from audit_lib.logs.formats import SECRET_IN_URL

GUESSED, USED, OUTAGE = "guessed logins", "leaked value used", "outage"
CUT_OFF, EXPOSED = "known clients cut off", "our own exposure"
ENDED = "a client's token or password has ended"
ATTACKS = (USED, GUESSED)
RATINGS = ("likely", "possible", "unknown", "unlikely")  # in the order in which they are shown


@dataclass
class Explanation:
    """What makes it likely by itself, what only possible, what speaks against it, and what is missing."""

    name: str
    shown: list[str] = field(default_factory=list)
    hinted: list[str] = field(default_factory=list)
    against: list[str] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    addresses: tuple[str, ...] = ()  # those that it is about, the most conspicuous first
    doubted: bool = False  # something against it explains what speaks for it as well
    ruled_out: bool = False  # a point against it has all that it rests on

    @property
    def rating(self) -> str:
        """likely | possible | unlikely; unknown if nothing speaks for it, and nothing rules it out."""
        if self.points:
            return "likely" if self.shown and not self.doubted else "possible"
        return "unlikely" if self.ruled_out else "unknown"

    @property
    def points(self) -> tuple[str, ...]:
        """What speaks for it, the strongest first."""
        return (*self.shown, *self.hinted)

    def rule_out(self, text: str) -> None:
        """A point against it whose evidence would have shown otherwise."""
        self.against.append(text)
        self.ruled_out = True

    def lack(self, *texts: str) -> None:
        """Evidence that would decide and is not there ("" is none): unsupported, it stays *unknown*."""
        self.missing += [text for text in texts if text and text not in self.missing]


def explain(case: Case, exposure: pd.DataFrame) -> tuple[Explanation, ...]:
    """The six, the best supported first; of one rating what is of the secret that is asked for, then those
    that name somebody, an ended token last. Of one that callers do not send no login says anything."""
    found = [guessed := _guessed(case), _outage(case), _cut_off(case), _ended(case, guessed)]
    if not case.callers_send:
        text = f"callers do not send {case.secret}: what failed at the login says nothing of it"
        found = [Explanation(one.name, missing=[text]) for one in found]
    found += [_used(case, exposure), _exposed(case, exposure)]
    for one in () if case.is_seen else found:
        one.missing.insert(0, "log lines of the window: none could be read")
        one.ruled_out &= one.name == EXPOSED
    about = (USED, EXPOSED) if case.secret else ()
    found.sort(key=lambda one: (one.name not in about, not one.addresses, one.name == USED and not one.shown))
    return tuple(sorted(found, key=lambda one: (RATINGS.index(one.rating), one.name == ENDED)))


def supported(case: Case, explained: Iterable[Explanation]) -> list[Explanation]:
    """Those that something speaks for in what happened, the best first; of one address those that it may be
    part of, as of it alone. That a value leaked says nothing of its use, unless somebody asks about it."""
    return [
        replace(one, addresses=(case.address,)) if case.address and one.addresses else one
        for one in explained
        if one.points and (one.addresses or one.name != USED or case.secret)
        if not one.addresses or case.address in ("", *one.addresses)
    ]


def tabulate_explanations(explained: Iterable[Explanation]) -> pd.DataFrame:
    """The explanations, in order: points of a cell are parted by semicolons, addresses by commas."""
    found = [
        (it.name, it.rating, *map("; ".join, (it.points, it.against, it.missing)), ", ".join(it.addresses))
        for it in explained
    ]
    columns = ["explanation", "rating", "speaks_for", "speaks_against", "missing", "addresses"]
    return pd.DataFrame(found, columns=columns)


def _in_words(incidents: Iterable[Incident]) -> str:
    return few(
        f"{one.client or one.subject or few(sorted(one.clients)) or 'no address'}: "
        f"{one.classification} ({one.count})"
        for one in sorted(incidents, key=lambda one: (-one.count, one.client, one.subject))
    )


def _guessed(case: Case) -> Explanation:
    """Grave guessing shows it, and so does a success after many tries; anything less hints at it, and so do
    as many answers that do not tell. What known clients do alone is none."""
    strange = [it for it in case.found(*GUESSING, accidents=False) if not case.rules.is_known(it.client)]
    guesses = [it for it in (*case.found(LET_IN), *strange) if it not in case.returned]
    grave = [it for it in guesses if it.severity in ("high", "critical") and not it.cause]
    rest = [it for it in guesses if it not in grave]
    one = Explanation(GUESSED, [_in_words(grave)] * bool(grave), [_in_words(rest)] * bool(rest))
    if len(tries := case.many_tries):
        whose = few(f"{client} ({count})" for client, count in tries.items())
        one.hinted.append(f"answers at a login that do not tell who got in, too many for a user: {whose}")
    if case.are_none(*GUESSING, LET_IN):
        one.rule_out("no guessing and no spraying was found")
    one.lack(case.traffic.collapsed or case.coverage.reason(["clients are callers"]))
    one.lack(*case.may_have_missed("guessing", *GUESSING, LET_IN))
    one.addresses = tuple(dict.fromkeys((*case.got_in, *names_of(guesses), *tries.index)))
    return one


def _used(case: Case, exposure: pd.DataFrame) -> Explanation:
    """Requests that show the value show it; that somebody new was answered without a guess only hints at it.
    What leaked counts if it is of production, or of the secret that is asked for, and open in the window."""
    senders, window, leaked = _senders(case), case.window, exposure[exposure["leaked"]]
    guessed = [f"who got in guessed before: {few(who)}" for who in [case.got_in] if who]
    one = Explanation(USED, [*senders.values()], [], guessed, doubted=bool(guessed))
    mine = leaked if case.secret else leaked[leaked["environment"] == PRODUCTION]
    mine = mine[~(mine["begins_at"].gt(window.until) | mine["ends_at"].lt(window.since))]
    secrets = ", ".join(sorted({*mine["secret"]}))
    one.hinted += [f"known to have leaked: {secrets}"] if secrets else []
    for environment in sorted({*leaked["environment"]} - {*mine["environment"]}):
        one.lack(f"whether a leaked value of {environment} opened anything in the window")
    whole = shows_no_leak(case.leaked.coverage)
    one.lack("" if whole else "a complete search of files and history: what was left out may hold a leak")
    one.against += ["no leak of it is known"] if whole and leaked.empty else []
    if not case.callers_send:
        one.lack(f"who used {case.secret}: callers do not send it, its provider's log would say")
        return one
    if quiet := [new for new in rows(case.new_addresses) if not new.guessed]:
        names = few(f"{it.client} ({it.successes} times since {instant_words(it.first_at)})" for it in quiet)
        one.hinted.append(f"new addresses were answered without having guessed: {names}")
        one.lack("whose address it is: a new user looks the same")
    elif case.shows_who_is_new and not senders:
        guessers = few(case.new_addresses["client"])
        nobody = "nobody of a new network was let in, or answered on a protected route"
        one.rule_out(f"{guessers} guessed before being answered" if guessers else nobody)
    one.lack("which token a request carried: logs show one in a URL alone")
    one.lack(*case.may_have_missed("new addresses", LET_IN), case.lacks_history)
    one.addresses = tuple(senders) or tuple(new.client for new in quiet)
    return one


def _senders(case: Case) -> dict[str, str]:
    """Who is in the window and began to send a value that others had sent, or one in force that no other
    network sends, by address: what shows it in words. Of what nobody read two lines may show two values; who
    alone sends one, once, may have been given it, as a provider is that checks an endpoint."""
    events, requests = case.activity.events, case.activity.requests
    lines = lines_with_values(events, requests, case.leaked.places).dropna(subset="leak_id")
    found, times = senders_of(lines, requests), lines.drop_duplicates(["file", "line"])["key"].value_counts()
    marks = found["leak_id"].map(case.leaked.leaks.set_index("leak_id")["fingerprint"])
    asked = found["client"].isin([case.address] if case.address else case.here["client"])
    asked &= marks.isin(values_of(case, case.secret)) | (case.secret == "")
    good = case.here[case.here["status"].lt(400)]
    sent, answered = good[good["method"].isin(WRITING)], good.groupby("client")["count"].sum()
    writes = (sent["method"] + " " + sent["route"]).groupby(sent["client"]).unique().map(few)
    alone = (
        marks.isin(case.read.inventory["fingerprint"].dropna())
        & found["key"].map(times).gt(1)
        & found.groupby("key")["network"].transform("nunique").eq(1)
        & found["client"].isin(answered.index)
        & found["new"]
        & found["at"].ge(requests["at"].min() + pd.Timedelta(days=7))  # who comes weekly was seen by then
    )
    return {
        one.client: f"{one.client} sends what leaked since {instant_words(one.at, case.as_of.year)}, "
        f"{'after others' if one.stranger else 'as nobody else'}; {answered.get(one.client, 0)} of its "
        f"requests were answered, which sent {writes.get(one.client, 'nothing that is seen')}; what few "
        f"others ask for: {case.traffic.seldom_read(good[good['client'].eq(one.client)]) or 'nothing'}"
        for one in rows(found[asked & (found["stranger"] | alone)])
    }


def _outage(case: Case) -> Explanation:
    """Refusals of nearly all, errors or messages of the database show it; a deploy or a pair is a cause."""
    one, outage = Explanation(OUTAGE), find_outage(case)
    one.lack(*case.may_have_missed("an outage", APPLICATION))
    if outage is None:
        if not one.missing:
            one.rule_out("at no time did nearly everyone fail")
        return one
    one.shown.append(str(outage) if outage.errors else f"{outage}, nearly all there were")
    if outage.told and outage.failed.empty:
        one.doubted = outage.told.subject != "database" or outage.told.count < 3
    before, after = deploys_around(case, outage)
    one.doubted |= case.secret != "" and not (before or case.changes_seen or pairs_apart(case))
    if before:
        cause = ", set off by changed variables" if is_of_variables(before) else ""
        one.hinted.append(f"a deploy took effect just before{cause} ({before.evidence})")
        one.hinted += [f"it ended just before the next deploy began ({after.evidence})"] if after else []
    one.lack("a deploy list (audit.toml, [[deploys]])" if case.read.deploys.empty else "")
    for pair in pairs_apart(case)[: 0 if outage.errors else MOST]:
        if pair.within(case.window):
            one.hinted.append(str(pair))
        else:
            one.lack(f"whether {pair.secret} and {pair.other} differed in the window, too")
    return one


def _cut_off(case: Case) -> Explanation:
    """Known clients that failed after a rotation show it; after a start or a deploy they hint at it."""
    one, outage = Explanation(CUT_OFF), find_outage(case)
    after = [found for found in case.found(KNOWN_CLIENTS) if found.cause]
    refused = [it for it in case.found(*GUESSING, accidents=False) if case.rules.is_known(it.client)]
    mine = {case.secret, *case.coupled(case.secret)}
    begun = [found for found in after if found.cause != "rotation"]
    rotated = [found for found in after if found not in begun and (not case.secret or found.subject in mine)]
    names = tuple(dict.fromkeys((*names_of(after), *names_of(refused))))
    one.shown += [f"{found.classification} ({few(names)})" for found in rotated[:2]]
    one.hinted += [] if rotated else [f"{found.classification} ({few(names)})" for found in begun[:1]]
    one.hinted += [_in_words(refused)] if refused else []
    one.addresses = names if one.points else ()
    broken = any(pair.within(case.window) for pair in pairs_apart(case))
    one.doubted = bool(outage and not outage.errors and (broken or deploys_around(case, outage)[0]))
    one.against += ["nearly everyone failed, those with the new value too"] * one.doubted
    if case.changes_seen and case.are_none(KNOWN_CLIENTS):
        one.rule_out("nobody who was answered before failed after a change")
    one.lack("" if case.changes_seen else "a snapshot just before and after each rotation")
    one.lack(*case.may_have_missed("clients that failed after a change", KNOWN_CLIENTS))
    return one


def _ended(case: Case, guessed: Explanation) -> Explanation:
    """Who is refused where it was answered, alone and slowly, shows it, unless somebody guesses meanwhile."""
    ended, own, during = case.ended, case.returned, case.ended["meanwhile"].sum()
    counts = [f"{it.client}: {it.refused} requests refused on {it.method} {it.route}" for it in rows(ended)]
    doubted = bool(counts and guessed.points) and case.address in ("", *guessed.addresses)
    return Explanation(
        ENDED,
        shown=[f"{few(counts)}, where {ended['answered'].sum()} were answered before"] * bool(counts),
        hinted=[_in_words(own)] * bool(own),
        against=[f"{during} were answered meanwhile"] * bool(during) + ["somebody guessed then"] * doubted,
        missing=["whose client it is: who guesses as slowly from it looks the same"] * bool(counts or own),
        addresses=tuple(dict.fromkeys((*ended["client"], *names_of(own)))),
        doubted=doubted or case.secret != "",  # which token was refused no log shows
    )


def _exposed(case: Case, exposure: pd.DataFrame) -> Explanation:
    """A public variable with the value shows it; a secret in a URL hints at it, and names senders."""
    one, secret, known = Explanation(EXPOSED), case.secret, values_of(case, case.secret)
    sent = lines_with_values(case.said, case.here, case.leaked.places).sort_values("at")
    leaks = case.leaked.leaks.loc[case.leaked.leaks["fingerprint"].isin(known), "leak_id"]
    sent = sent[sent["message"].eq(SECRET_IN_URL) & (sent["leak_id"].isin(leaks) | (not known))]  # its own
    counts = (sent["route"] + ": " + sent["subject"]).value_counts().items()
    named = few(f"{name} of the URL ({count})" for name, count in counts)
    one.hinted += [f"a value stands in the URL of requests: {named}"] if named else []
    one.addresses = tuple(who for who in sent["client"].unique()[::-1] if who and case.address in ("", who))
    one.lack(*case.may_have_missed("a value in a URL", URLS))
    if not secret:
        one.lack("which secret was seen: name it (secret), or ask `whose`")
        return one
    twins, sources = public_twins(case, secret), case.read.sources
    expected = sources["kind"].isin(("env file", "export", "given values")) & sources["state"].ne("read")
    unread = few(sorted(sources.loc[expected, "source"]))
    if twins:
        one.shown.append(f"{', '.join(twins)} holds the value and is built into what every browser loads")
        one.hinted.append("rotation will not contain it: the next build publishes the new value as well")
    elif known and not unread:
        one.against.append("no public variable holds the value")
        one.ruled_out = case.are_none(URLS)
    one.lack("" if known else "a value of the secret: nothing that was read holds one")
    one.lack(f"the values of {unread}, which may hold it" if unread else "")
    one.doubted = bool(exposure["leaked"].any())
    one.against += ["a leak outside the bundle is known"] * one.doubted
    return one
