"""Five answers on an incident's first screen: going on, got in, refused, explained, left to fix."""

import pandas as pd

from audit_lib.base.clock import briefly
from audit_lib.base.contracts import rows
from audit_lib.base.in_words import counted
from audit_lib.incident.exposure_windows import exposed, tabulate_exposure_windows
from audit_lib.incident.investigation import Investigation
from audit_lib.incident.matter import matter, spoken_of
from audit_lib.incident.newcomers import new_addresses
from audit_lib.incident.outages import deploy_after
from audit_lib.incident.pairs import unequal_pairs
from audit_lib.incident.ruled_out import new_addresses_would_show
from audit_lib.incident.secret_values import published_now
from audit_lib.report import escape as inert
from audit_lib.report.block import APART, Block

NOT_KNOWN = "Not known"


def incident_answers(investigation: Investigation) -> Block:
    """Is it going on, did anyone get in, who was refused, what was it, and what is left to fix."""
    answers = (
        ("Still going on?", *going_on(investigation)),
        ("Did anyone get in?", *_got_in(investigation)),
        ("Who was refused", *_refused(investigation)),
        ("First explanation", *_cause_in_words(investigation)),
        ("Left to fix", *_left(investigation)),
    )
    html = "".join(
        f'<div><span class="t">{title}</span>{APART}<b>{inert.html(short)}</b>{APART}'
        f"<span>{inert.html(note)}</span></div>"
        for title, short, note in answers
    )
    text = "\n".join(f"{title}: {short} ({note})" for title, short, note in answers)
    return Block("", f'<div class="kpi words">{html}</div>', text)


def going_on(investigation: Investigation) -> tuple[str, str]:
    """In a word, and why: by the requests after the last refusal of the outage, or of the window."""
    about, here = matter(investigation), investigation.here
    outage, refused = about.outage, about.refused
    end = outage.last_at if outage else refused.loc[refused["timed"], "not_before_at"].max()
    if refused.empty and len(about.requests):
        number = counted(int(about.requests["count"].sum()), "request")
        last = about.requests.loc[about.requests["timed"], "not_before_at"].max()
        if about.whose and not pd.isna(last):
            return f"Last seen {briefly(last, investigation.as_of)}", f"{number} {about.whose}were read"
        return "Nothing refused", f"of {number} that were read"
    if pd.isna(end):
        return NOT_KNOWN, "no refused request has a time"
    if outage and (fixed := deploy_after(investigation, outage)):
        end = max(end, fixed.ended_at)
    after = here[here["timed"] & here["not_before_at"].gt(end)]
    asked, lost = (int(part["count"].sum()) for part in (after, after[after["refused"]]))
    if not asked:
        return NOT_KNOWN, f"no request with a time after {briefly(end, investigation.as_of)}"
    note = f"since {briefly(end, investigation.as_of)}: {asked - lost} of {asked} answered"
    return ("No" if lost * 2 < asked else "Yes"), note


def _got_in(investigation: Investigation) -> tuple[str, str]:
    found = new_addresses(investigation)
    if found:
        first = f"first {found[0].client} at {briefly(found[0].first_at, investigation.as_of)}"
        return counted(len(found), "new address", "new addresses"), first
    if new_addresses_would_show(investigation):
        return "Nobody new", "no new address was answered"
    return "None seen", "but the logs might not have shown a new address"


def _refused(investigation: Investigation) -> tuple[str, str]:
    refused = matter(investigation).refused
    names = set(refused["client"].astype("str")) - {""}
    if not names:
        nobody = "Nobody", "no request was refused"
        return nobody if refused.empty else (NOT_KNOWN, "no address of a refused request was logged")
    clients = investigation.clients[investigation.clients["client"].isin(names)]
    classes = clients["classification"].value_counts()
    kinds = ", ".join(f"{count} {name}" for name, count in classes.items())
    number = counted(int(refused["count"].sum()), "refusal")
    return counted(len(names), "address", "addresses"), f"{kinds}; {number}"


def _cause_in_words(investigation: Investigation) -> tuple[str, str]:
    for best in rows(spoken_of(investigation)):
        return best.explanation.capitalize(), best.verdict
    return NOT_KNOWN, "nothing that was read speaks for one"


def _left(investigation: Investigation) -> tuple[str, str]:
    apart = [text for text in unequal_pairs(investigation) if " differ in " in text]
    leaked = len(exposed(tabulate_exposure_windows(investigation)))
    values = f"{counted(leaked, 'leaked secret')} in force"
    if apart:
        return counted(len(apart), "unequal pair"), f"{apart[-1]}; {values}"
    if leaked:
        return values, "rotate them"
    for secret, variable in published_now(investigation).items():
        return "A published value", f"{variable} shows {secret} to every browser, and its next value as well"
    return "Nothing known", "no pair differs, no leak is in force"
