"""Five answers on an incident's first screen: going on, got in, refused, explained, left to fix."""

from audit_lib.base.clock import briefly
from audit_lib.base.in_words import counted
from audit_lib.incident.addresses import GOT_IN, neighbours, new_addresses
from audit_lib.incident.explanations import best_explanation, few
from audit_lib.incident.exposure_windows import exposed, tabulate_exposure_windows
from audit_lib.incident.going_on import NOT_KNOWN, going_on, let_in_after_guessing
from audit_lib.incident.investigation import Investigation
from audit_lib.incident.matter import matter
from audit_lib.incident.pairs import unequal_now
from audit_lib.incident.secret_values import published_now
from audit_lib.incident.window_detections import detected_in_window
from audit_lib.report import escape as inert
from audit_lib.report.block import APART, Block


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


def _got_in(investigation: Investigation) -> tuple[str, str]:
    found, guessed = new_addresses(investigation), let_in_after_guessing(investigation)
    new = {one.client for one in found}
    if guessed and (not found or any(one.client not in new for one in guessed)):
        first = f"{guessed[0].client} was answered at {briefly(guessed[0].first_at, investigation.as_of)}"
        more = f"; {counted(len(new), 'new address', 'new addresses')} in all" if new else ""
        return f"{counted(len(guessed), 'address', 'addresses')} after guessing", f"{first}{more}"
    if found:
        first = f"first {found[0].client} at {briefly(found[0].first_at, investigation.as_of)}"
        return counted(len(found), "new address", "new addresses"), first
    if near := neighbours(investigation):
        note = f"but {counted(len(near), 'new address', 'new addresses')} of known ones: {few(near)}"
        return "No new network seen", note
    if not detected_in_window(investigation).doubts(GOT_IN):
        return "Nobody new", "no new address was answered"
    return "None seen", "but the logs might not have shown a new address"


def _refused(investigation: Investigation) -> tuple[str, str]:
    about = matter(investigation)
    refused, outage = about.refused, about.outage
    names = set(refused["client"].astype("str")) - {""}
    if not names:
        reported = f", but {counted(about.told, 'failed login')} reported by the application"
        nobody = "Nobody", f"no request was refused{reported * bool(about.told)}"
        return nobody if refused.empty else (NOT_KNOWN, "no address of a refused request was logged")
    clients = investigation.clients[investigation.clients["client"].isin(names)]
    classes = clients["classification"].value_counts()
    kinds = ", ".join(f"{count} {name}" for name, count in classes.items())
    number = counted(int(refused["count"].sum()), "server error" if outage and outage.errors else "refusal")
    return counted(len(names), "address", "addresses"), f"{kinds}; {number}"


def _cause_in_words(investigation: Investigation) -> tuple[str, str]:
    if best := best_explanation(investigation):
        return best.name.capitalize(), best.verdict
    return NOT_KNOWN, "nothing that was read speaks for one"


def _left(investigation: Investigation) -> tuple[str, str]:
    apart = unequal_now(investigation)
    leaked = len(exposed(tabulate_exposure_windows(investigation)))
    values = f"{counted(leaked, 'leaked secret')} in force"
    if apart:
        return counted(len(apart), "unequal pair"), f"{apart[-1]}; {values}"
    if leaked:
        return values, "rotate them"
    for secret, variable in published_now(investigation).items():
        return "A published value", f"{variable} shows {secret} to every browser, and its next value as well"
    return "Nothing known", "no pair that differs and no leak in force was found"
