"""The answer in one sentence: the verdict, by name what production has lost, and if its use would be seen."""

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from audit_lib.base.frames import rows
from audit_lib.base.in_words import counted, day_words, few, instant_words, number_words
from audit_lib.base.severities import SEVERITIES
from audit_lib.findings.audit import Audit
from audit_lib.findings.find import by_item
from audit_lib.leaks.tables import PRODUCTION, shows_no_leak
from audit_lib.report import escape as inert
from audit_lib.report.action_groups import LET_IN, let_in
from audit_lib.report.block import APART, Block, named
from audit_lib.report.verdict import FAIL, PASS, PASS_NEEDS, verdict

# What says that others can read a production value, and how.
LOST = {
    "leaked-in-force": "has been {place}{since}",
    "public-exposure": "is built into the page that every browser loads",
    "equal-but-must-differ": "has the value of a variable that every browser loads",
    "compromised-value": "has a published value",
    "template-in-use": "has the value of an example file",
    "known-default": "has a default value that everyone knows",
}
FAILING = "known-clients-failing"
MOST_NAMES = 3
KEYS = {"demo": "demo key", "throw-away": "temporary key", "file": "own key"}


@dataclass(frozen=True)
class Loss:
    """A production secret that others can read, and how; `name` is the one that should be secret."""

    name: str
    how: str


def headline(audit: Audit) -> Block:
    """The head of the page: what was reviewed, the verdict in a sentence, and what it rests on."""
    word, sentence, lead = spoken(audit)
    period = f"{day_words(audit.quarter.start, audit.quarter.year)} – {_last_day(audit)}"
    as_of = f"{period}, as of {instant_words(audit.as_of)} UTC"
    facts = f"{as_of} · {KEYS.get(audit.key_origin, audit.key_origin)} · not signed"
    subject = f"review of secrets and logins · {audit.quarter.year} Q{audit.quarter.number}"
    name = audit.project.name
    html = (
        f'<div class="kicker"><span><b>{inert.html(name)}</b> · {inert.html(subject)}</span>{APART}'
        f"<span>{inert.html(facts)}</span></div>"
        f'<h1><em class="{verdict(audit)}">{word}</em> {inert.html(sentence)}</h1>'
        f'<p class="lead">{named(" ".join(lead))}</p>'
    )
    return Block("", html, "\n".join((f"{name} · {subject}", facts, f"{word} {sentence}", *lead)))


def _last_day(audit: Audit) -> str:
    return day_words(audit.quarter.end - pd.Timedelta(seconds=1), 0)


def spoken(audit: Audit) -> tuple[str, str, tuple[str, ...]]:
    """The verdict's word, its sentence, and the sentences that say why."""
    state = verdict(audit)
    use = _use(audit)
    doubt = f"Whether a rule was lowered is not known: {audit.doubt}." if audit.doubt else ""
    if state == PASS:
        return "Pass.", "Nothing is wrong, and everything was looked at.", (_passed(audit), use)
    if state == FAIL:
        lost, taken = losses(audit), let_in(audit)
        sentence, lead = _lost(lost) if lost else _faults(audit)
        if len(taken):
            sentence = _taken(taken) + (f", and {sentence[:1].lower()}{sentence[1:]}" if lost else ".")
            lead = [f"{row.subject}: {row.classification}." for row in rows(taken.head(MOST_NAMES))] + lead
        return "Fail.", sentence, tuple(filter(None, (doubt, *lead, _apart(audit), use)))
    missing = [need.words for need in PASS_NEEDS if not need.holds(audit)]
    seen = f"Not seen: {'; '.join(missing)}." if missing else ""
    return (
        "Not known.",
        "Nothing wrong was found, but not everything could be seen.",
        tuple(filter(None, (doubt, _undecided(audit), seen, use))),
    )


def _taken(taken: pd.DataFrame) -> str:
    """How many were let in after failed logins: surely, or in a minute that leaves it open."""
    sure = taken["severity"].isin(("high", "critical")).any()
    were = ("was" if len(taken) == 1 else "were") if sure else "may have been"
    noun = "address" if len(taken) == 1 else "addresses"
    return f"{_number(len(taken))} {noun} {were} let in after failed logins"


def _apart(audit: Audit) -> str:
    """The pairs of production of which one side refuses the other."""
    found = audit.tables["findings"]
    found = found[found["check"].eq("pairing-mismatch") & found["status"].eq("open")]
    pairs = [
        few(one.split("="), MOST_NAMES, " and ")
        for one in found.loc[found["environment"].eq(PRODUCTION), "subject"]
    ]
    return f"{few(pairs, MOST_NAMES)} differ in production, but must be equal." if pairs else ""


def losses(audit: Audit) -> tuple[Loss, ...]:
    """Each production value that others can read, by its least public name; the surest sign counts."""
    findings = audit.tables["findings"]
    found = by_item(findings[findings["status"].eq("open") & findings["check"].isin(LOST)])
    found = found[found["environment"].eq(PRODUCTION)]
    inventory = audit.tables["inventory"]
    held = inventory[inventory["environment"].eq(PRODUCTION) & inventory["fingerprint"].notna()]
    held = held[held["placeholder"].ne(True).fillna(True)]  # nobody reads a secret that is not there
    by_value: dict[str, Loss] = {}
    for finding in sorted(rows(found), key=lambda row: list(LOST).index(row.check)):
        for name in finding.subject.split("="):
            for value in held.loc[held["secret"].eq(name), "fingerprint"]:
                same = held[held["fingerprint"].eq(value)].sort_values(["public", "secret"])
                loss = Loss(str(same["secret"].iloc[0]), _how(audit, finding.check, finding.subject))
                by_value.setdefault(str(value), loss)
    return tuple(by_value.values())


def _how(audit: Audit, check: str, subject: str) -> str:
    if check != "leaked-in-force":
        return LOST[check]
    leaked = audit.tables["leaked_secrets"]
    row = leaked[leaked["secret"].eq(subject)].iloc[0]
    since = "" if pd.isna(row["first_at"]) else f" since {day_words(row['first_at'], audit.as_of.year)}"
    ids = str(row["leak_ids"]).split(", ")
    places = audit.tables["leak_places"]
    kinds = set(places.loc[places["leak_id"].isin(ids), "place"])
    words = (("commit", "in git"), ("bundle", "in what browsers load"), ("log", "in a log"))
    place = next((said for kind, said in words if kind in kinds), "outside its place")
    return LOST[check].format(place=place, since=since)


def _lost(lost: Sequence[Loss]) -> tuple[str, list[str]]:
    said = [f"{one.name} {one.how}." for one in lost[:MOST_NAMES]]
    more = len(lost) - MOST_NAMES
    rest = [f"So can {counted(more, 'other')}."] if more > 0 else []
    return f"{_number(len(lost))} production {_noun(len(lost))} can be read by others.", said + rest


def _faults(audit: Audit) -> tuple[str, list[str]]:
    """Without a loss in production: what is overdue there, else how grave the findings are."""
    first = _unlost(audit)
    ages = audit.tables["freshness"]
    late = ages[ages["environment"].eq(PRODUCTION) & ages["status"].eq("overdue") & ages["period_stated"]]
    open_ = audit.tables["findings"][audit.tables["findings"]["status"].eq("open")]
    worst = max(open_["severity"], key=SEVERITIES.index)
    grave = int(open_["severity"].eq(worst).sum())
    if len(late):
        names = list(dict.fromkeys(late["secret"]))
        some = ", ".join(names[:MOST_NAMES]) + (", …" if len(names) > MOST_NAMES else "")
        are = "is" if len(names) == 1 else "are"
        return f"{_number(len(names))} production {_noun(len(names))} {are} too old.", [f"{some}.", first]
    return f"{_number(grave)} {worst} {'finding' if grave == 1 else 'findings'} to close.", [first]


def _unlost(audit: Audit) -> str:
    """That no loss was found in production, as far as its values were read and searched for."""
    inventory = audit.tables["inventory"]
    if not (inventory["environment"].eq(PRODUCTION) & inventory["fingerprint"].notna()).any():
        return "Of production nothing is known: no value of it was read."
    searched = shows_no_leak(audit.tables["leak_coverage"])
    rest = "" if searched else ", but not everything was searched"
    return f"No production secret was found where others can read it{rest}."


def _passed(audit: Audit) -> str:
    ages = audit.tables["freshness"]
    judged = int(ages["status"].isin(("fresh", "due")).sum())
    return (
        f"{counted(judged, 'secret')} within the age limit; no value was found outside its place; "
        "every expected file was read."
    )


def _undecided(audit: Audit) -> str:
    number = int(audit.tables["findings"]["status"].eq("unknown").sum())
    return f"{counted(number, 'question')} of this review could not be decided." if number else ""


def _use(audit: Audit) -> str:
    """Whether the logs show, or could have shown, that somebody got in."""
    logs = audit.tables["sources"][audit.tables["sources"]["kind"].eq("log")]
    if not logs["read"].sum() or audit.tables["log_counts"].empty:
        return "Refused logins are not known: no log of the quarter says anything about requests."
    found = audit.tables["detections"]
    states = {one: _verdict(found, one) for one in (LET_IN, FAILING)}
    if states[LET_IN] == "found":
        return "Whether others used a secret, the logs do not show."
    if "unknown" not in states.values():
        return "The logs show no sign of use by others."
    return "No sign of use by others was found; the logs could not have shown it."


def _verdict(detections: pd.DataFrame, detection: str) -> str:
    """What a detection came to: the same for each of its rows; without any it is not known."""
    verdicts = detections.loc[detections["detection"].eq(detection), "verdict"]
    return str(verdicts.iloc[0]) if len(verdicts) else "unknown"


def _number(count: int) -> str:
    word = number_words(count)
    return word[:1].upper() + word[1:]


def _noun(count: int) -> str:
    return "secret" if count == 1 else "secrets"
