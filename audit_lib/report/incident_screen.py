"""The first screen of an incident: what it was, five answers, what to do, what explains it, what is open."""

from collections.abc import Iterator

from audit_lib.base.clock import briefly
from audit_lib.base.frames import rows
from audit_lib.base.in_words import counted, day_words
from audit_lib.incident.explanations import (
    CUT_OFF,
    EXPOSED,
    GUESSED,
    OUTAGE,
    USED,
    Explanation,
    explanations,
    supported,
)
from audit_lib.incident.going_on import over
from audit_lib.incident.investigation import Investigation
from audit_lib.incident.matter import ATTACKS, matter
from audit_lib.incident.outages import DeployNear, Outage, deploy_after, deploy_before
from audit_lib.incident.pairs import unequal_pairs
from audit_lib.incident.steps import tabulate_steps
from audit_lib.incident.where_to_look import (
    ADDRESS,
    DETECTED,
    LEAK,
    in_words,
    looks_with,
    tabulate_suspicions,
)
from audit_lib.logins.traffic import fits
from audit_lib.logs.logins import FAILED_LOGIN
from audit_lib.report import escape as inert
from audit_lib.report.block import APART, Block, named, pairs
from audit_lib.report.incident_tables import newest_line

SENTENCES = {
    OUTAGE: "{outage}.",
    GUESSED: "{guessed}.",
    USED: "{used}.",
    CUT_OFF: "Known clients were cut off by a change.",
    EXPOSED: "Our own page or log shows the value.",
}
MOST_STEPS, MOST_ROWS = 6, 3


def incident_headline(investigation: Investigation) -> Block:
    """What was looked at, the best explanation in a sentence, and what happened."""
    window, year = investigation.window, investigation.as_of.year
    looked = f"{day_words(window.since, year)} – {day_words(window.until)}, UTC"
    subject = f"incident {investigation.name} · looked at: {looked}"
    word, sentence = _spoken(investigation)
    lead = " ".join(_lead(investigation))
    look = "fail" if "an attack" in word else "unknown"
    stays = "addresses in full: this page stays on the machine"
    html = (
        f'<div class="kicker"><span><b>{inert.html(investigation.project.name)}</b> · {inert.html(subject)}'
        f"</span>{APART}<span>{stays}</span></div>"
        f'<h1><em class="{look}">{word}</em> {inert.html(sentence)}</h1>'
        f'<p class="lead">{named(lead)}</p>'
    )
    return Block("", html, "\n".join((subject, stays, f"{word} {sentence}", lead)))


def _spoken(investigation: Investigation) -> tuple[str, str]:
    if not investigation.seen:
        return "Not known.", "No log line of the window was read."
    told, outage = supported(investigation), matter(investigation).outage
    if not told:
        return "Not known.", "Nothing that was read speaks for an explanation."
    # Of an attack somebody is named: that a value has leaked says nothing of its use.
    attacks = [case.name for case in told if case.name in ATTACKS and case.addresses]
    best, every = told[0], explanations(investigation)
    surely = "Likely" if best.verdict == "likely" else "Possibly"
    word = f"{surely} an attack"
    if best.name not in attacks:  # what may have been missed is not ruled out
        ruled_out = all(case.verdict == "unlikely" for case in every if case.name in ATTACKS)
        word = f"{surely} no attack" if ruled_out else "Attack not ruled out"
    if len(spoken := dict.fromkeys((best.name, *attacks[:1]))) > 1:
        word = "Perhaps an attack"  # what is harmless does not rule out what is not
    spoken |= dict.fromkeys(_apart(told))
    ended = ", and over" if over(investigation) and "ruled" not in word and len(spoken) == 1 else ""
    words = {
        "outage": _shut_out(investigation, outage),
        "guessed": _guessed(investigation),
        "used": _used(told),
    }
    return f"{word}{ended}.", " ".join(SENTENCES[one].format_map(words) for one in spoken)


def _used(told: tuple[Explanation, ...]) -> str:
    """That a value was used only if one is known to have leaked; else that somebody new was answered."""
    shown = any(case.shown for case in told if case.name == USED)
    return "A leaked value may have been used" if shown else "Somebody new was answered"


def _guessed(investigation: Investigation) -> str:
    """What was guessed: logins only if a login was refused, or a message says so."""
    here, messages = investigation.here, investigation.said["kind"].eq(FAILED_LOGIN)
    refused = here.loc[here["refused"], "route"].astype("str")
    logins = messages.any() or fits(refused, investigation.rules.access.login).any()
    return "Somebody guessed logins" if logins else "Somebody sent requests that were refused"


def _apart(told: tuple[Explanation, ...]) -> list[str]:
    """The attacks that are likely, too, and of other addresses than the first explanation."""
    first = set(told[0].addresses)
    return [
        case.name
        for case in told[1:]
        if case.name in ATTACKS and case.verdict == "likely" and first.isdisjoint(case.addresses)
    ]


def _shut_out(investigation: Investigation, outage: Outage | None) -> str:
    """What an outage was: that variables changed, or that halves differ, is said only if it was seen."""
    before = deploy_before(investigation, outage) if outage else None
    if outage and not outage.errors and not before and unequal_pairs(investigation):
        return f"Two halves of a pair held different values, and nearly all requests failed{_while(outage)}"
    if before is None:
        return f"Nearly all requests failed{_while(outage)}"
    errors, sure = bool(outage and outage.errors), before.of_variables
    shut = "stopped the application" if errors else "shut callers out"
    if not sure:
        shut = shut.replace("stopped", "may have stopped").replace("shut", "may have shut")
    return f"{'A change of variables' if sure else 'A deploy'} {shut}{_while(outage)}"


def _while(outage: Outage | None) -> str:
    lasted = (outage.last_at - outage.first_at).total_seconds() if outage else 0
    return f" for {counted(max(round(lasted / 60), 1), 'minute')}" if outage else ""


def _lead(investigation: Investigation) -> Iterator[str]:
    about = matter(investigation)
    if about.outage:
        yield from _of_outage(investigation, about.outage)
        return
    every = about.requests
    parts = (every, about.refused, every[every["status"].eq(429)], every[every["status"].ge(500)])
    asked, refused, limited, failed = (int(part["count"].sum()) for part in parts)
    more = f", {limited:,} limited (429)" * (limited > 0) + f", {failed:,} answered with an error" * (
        failed > 0
    )
    told = f", and {counted(about.told, 'failed login')} reported by the application" * bool(about.told)
    yield f"Of {counted(asked, 'request')} {about.whose}in the window {refused:,} were refused{more}{told}."
    if about.beside:
        yield "Something else happened, too:"
        yield from _of_outage(investigation, about.beside)


def _of_outage(investigation: Investigation, outage: Outage) -> Iterator[str]:
    since, until = (briefly(at, investigation.as_of) for at in (outage.first_at, outage.last_at))
    whom = counted(outage.addresses, "address", "addresses")
    yield f"From {since} to {until}, {counted(outage.refused, 'request')} of {whom} were {outage.how}."
    before, after = deploy_before(investigation, outage), deploy_after(investigation, outage)
    if before:
        yield f"A deploy{_cause(before)} took effect at {before.ended_at:%H:%M:%S}."
    if after:
        yield f"The next began at {after.began_at:%H:%M:%S}."


def _cause(deploy: DeployNear) -> str:
    trigger = "changed variables" if deploy.of_variables else deploy.trigger
    return f", set off by {trigger}," if trigger else ""


def incident_steps(investigation: Investigation) -> Block:
    """The first steps in order, each with how to see that it worked."""
    steps = tabulate_steps(investigation)
    shown, left = steps.head(MOST_STEPS), max(len(steps) - MOST_STEPS, 0)
    items = "".join(
        f'<li class="step"><span class="n">{row.step}</span><div><b>{named(row.text)}</b>'
        f"<p>{named(' · '.join(filter(None, (row.place, f'done if {row.verify}'))))}</p></div></li>"
        for row in rows(shown)
    )
    more = f"Then {counted(left, 'more step')}: see All steps" if left else ""
    foot = f'<p class="sub more"><a href="#all-steps">{more}</a></p>' if left else ""
    lines = [*(f"{row.step}. {row.text} (done if {row.verify})" for row in rows(shown)), more]
    return Block("What to do, in order", f"<ul>{items}</ul>{foot}", "\n".join(lines).strip(), "left")


def _asked(investigation: Investigation) -> list[Explanation]:
    """The explanations; that of a sighting only if a secret was seen: else it says nothing but that."""
    named = bool(investigation.secret)
    return [case for case in explanations(investigation) if named or case.name != EXPOSED or case.speaks_for]


def incident_explanations(investigation: Investigation) -> Block:
    """Each explanation with its rating, the first point for it and the first against it."""
    items, lines = [], []
    for case in _asked(investigation):
        verdict = "not known" if case.verdict == "unknown" else case.verdict
        pro = "; ".join(case.speaks_for[:2])
        lacks = f"Missing: {case.missing[0]}." if verdict == "not known" and case.missing else ""
        said = " ".join(filter(None, (f"{pro}." if pro else "", lacks)))
        against = f"Against: {case.against[0]}." if case.against else ""
        items.append(
            f'<li class="rated"><span class="w {case.verdict}">{verdict}</span>'
            f"<div><b>{inert.html(case.name.capitalize())}</b><p>{named(said)} "
            f"<i>{named(against)}</i></p></div></li>"
        )
        lines.append(" ".join(filter(None, (f"{verdict}: {case.name}.", said, against))))
    note = "Ordered by the evidence for and against; the ratings are not probabilities."
    html = f'<p class="sub">{note}</p><ol>{"".join(items)}</ol>'
    return Block("What may explain it", html, "\n".join(lines), "right")


def incident_stands_out(investigation: Investigation) -> Block:
    """What else stands out in all that was read, with the option that looks into it."""
    window, every = investigation.window, tabulate_suspicions(investigation)
    here = every["first_at"].between(window.since, window.until)
    parts = [every[every["kind"].eq(kind)] for kind in (DETECTED, LEAK)]
    parts.append(every[every["kind"].eq(ADDRESS) & ~here])
    shown = [
        (
            day_words(row.first_at, investigation.as_of.year) if row.first_at else "",
            f"{row.secret} {row.what}" if row.secret else in_words(row, " × "),
            f"`{looks_with(row)}`" if row.evidence else "",
        )
        for part in parts
        for row in rows(part.head(MOST_ROWS))
    ]
    return pairs("Also stands out in what was read", shown, "Nothing.", "left")


def incident_not_known(investigation: Investigation) -> Block:
    """What the logs of the window do not say, and until when they reach."""
    return pairs("Not known", _gaps(investigation), "Everything that was asked was decided.")


def _gaps(investigation: Investigation) -> Iterator[tuple[str, str, str]]:
    here = investigation.here
    asked, untimed = int(here["count"].sum()), int(here.loc[~here["timed"], "count"].sum())
    if not investigation.seen:
        yield "the window", "no log line of it was read.", "Supply its logs."
    if untimed:
        yield f"{untimed} of {asked}", "requests have no time: bursts among them cannot be seen.", ""
    yield "after", f"the newest line that was read: {newest_line(investigation)}.", ""
    missing = [case.missing[-1] for case in _asked(investigation)[:3] if case.missing]
    for text in dict.fromkeys(missing):
        yield "missing", f"{text}.", ""
