"""Whether it is still going on, and who of those that guessed was answered: by when each was seen last."""

from dataclasses import dataclass
from datetime import datetime

import pandas as pd

from audit_lib.base.clock import briefly
from audit_lib.base.in_words import counted
from audit_lib.incident.explanations import GUESSED, supported
from audit_lib.incident.investigation import Investigation
from audit_lib.incident.matter import ATTACKS, Matter, matter
from audit_lib.incident.outages import PAUSE, deploy_after
from audit_lib.incident.window_detections import detected_in_window
from audit_lib.logins.detect.application import SILENCE
from audit_lib.logins.requests import unanswered

NOT_KNOWN = "Not known"


@dataclass(frozen=True)
class LetIn:
    """An address that guessed and was answered on a protected route, or at a login, after a refusal."""

    client: str
    first_at: datetime


def going_on(investigation: Investigation) -> tuple[str, str]:
    """In a word, and why; of who was answered only when they were seen last: they may be in."""
    about, told = matter(investigation), supported(investigation)
    if about.outage:
        return _since_the_outage(investigation, about)
    if not about.whose and about.refused.empty and len(about.requests):
        number = counted(int(about.requests["count"].sum()), "request")
        return "Nothing refused", f"of {number} that were read"
    if not about.whose:
        nothing = "no address is known to take part" if told else "what happened is not known"
        return NOT_KNOWN, nothing
    return _since_last_seen(investigation, about, attack=told[0].name in ATTACKS)


def _since_last_seen(investigation: Investigation, about: Matter, *, attack: bool) -> tuple[str, str]:
    """By the last request of an attack's addresses, or the last refusal of a client that is stale.

    What messages tell of their failed logins counts, too.
    """
    theirs, here = about.requests if attack else about.refused, investigation.here
    told, timed = about.messages, about.messages["at"].notna()
    at = pd.concat([theirs.loc[theirs["timed"], "not_before_at"], told.loc[timed, "at"]]).sort_values()
    if at.empty:
        return NOT_KNOWN, f"no {'' if attack else 'refused '}request {about.whose}has a time"
    seen = briefly(at.iloc[-1], investigation.as_of)
    if attack and _inside(theirs).any():
        answered = int(theirs.loc[~unanswered(theirs) & theirs["status"].lt(400), "count"].sum())
        number = counted(int(theirs["count"].sum()), "request")
        return f"Last seen {seen}", f"{answered} of {number} {about.whose}were answered"
    untimed = (theirs.loc[~theirs["timed"], "not_after_at"], told.loc[~timed, "not_after_at"])
    if not all(latest.le(at.iloc[-1]).all() for latest in untimed):
        return NOT_KNOWN, f"last seen {seen}, and lines {about.whose}that have no time may be later"
    others = here if attack else about.requests
    others = others[others["timed"] & others["not_before_at"].gt(at.iloc[-1])]
    if doubt := _too_early(investigation, at, others):
        return NOT_KNOWN, f"last seen {seen}, and the logs {doubt} after it"
    since, whose = int(others["count"].sum()), "requests of others" if attack else "requests of theirs"
    return "No", f"since {seen}: {since} {whose}, none {'of theirs' if attack else 'refused'}"


def _too_early(investigation: Investigation, at: "pd.Series[pd.Timestamp]", later: pd.DataFrame) -> str:
    """Why the logs after the last instant show no end: who tries once an hour has not stopped within one."""
    pause = max(PAUSE, at.diff().max())  # in this order: of a single instant no pause is known
    if later.empty or later["not_before_at"].max() - at.iloc[-1] <= pause:
        return "end too soon"
    failing = detected_in_window(investigation).alarms("application-failing")
    gaps = [one for one in failing if one.subject == SILENCE]
    return "have a gap" * any(one.last_at is not None and one.last_at > at.iloc[-1] for one in gaps)


def _since_the_outage(investigation: Investigation, about: Matter) -> tuple[str, str]:
    """By the requests after it, or after the deploy that ended it: most of them are answered, or not."""
    assert about.outage is not None
    end, here = about.outage.last_at, investigation.here
    if fixed := deploy_after(investigation, about.outage):
        end = max(end, fixed.ended_at)
    after = here[here["timed"] & here["not_before_at"].gt(end)]
    asked, lost = (int(part["count"].sum()) for part in (after, after[unanswered(after)]))
    if not asked:
        return NOT_KNOWN, f"no request with a time after {briefly(end, investigation.as_of)}"
    note = f"since {briefly(end, investigation.as_of)}: {asked - lost} of {asked} answered"
    return ("No" if lost * 2 < asked else "Yes"), note


def over(investigation: Investigation) -> bool:
    """Whether all that is spoken of is known to be over: of an attack beside an outage that is not known."""
    attacked = any(case.name in ATTACKS for case in supported(investigation))
    return going_on(investigation)[0] == "No" and not (matter(investigation).outage and attacked)


def let_in_after_guessing(investigation: Investigation) -> tuple[LetIn, ...]:
    """The addresses that guessed and were answered after it, in the order in which they were."""
    names = [name for case in supported(investigation) if case.name == GUESSED for name in case.addresses]
    here = investigation.here
    theirs = here[here["timed"] & here["client"].isin(names)]
    inside = _inside(theirs)
    found = []
    for client, group in theirs.groupby("client", observed=True):
        refused = group.loc[group["refused"], "not_before_at"].min()
        times = group.loc[inside[group.index] & group["not_before_at"].ge(refused), "not_before_at"]
        if not pd.isna(refused) and len(times):
            found.append(LetIn(str(client), times.min().to_pydatetime()))
    return tuple(sorted(found, key=lambda one: (one.first_at, one.client)))


def _inside(requests: pd.DataFrame) -> "pd.Series[bool]":
    """Which may be those of somebody who is in: answered on a protected route, or a POST, as of a login."""
    asked = requests["protected"] | requests["method"].eq("POST")
    return asked & ~unanswered(requests) & requests["status"].lt(400)
