"""An outage, in which nearly all requests failed (A10), and the deploys just before and after it."""

import re
from dataclasses import dataclass
from datetime import datetime, timedelta

from audit_lib.base.clock import briefly
from audit_lib.base.contracts import rows
from audit_lib.incident.investigation import Investigation
from audit_lib.incident.window_detections import detected_in_window

PAUSE = timedelta(minutes=15)
# What platforms say set off a deploy that brought other variables and no other code.
_VARIABLES = re.compile(r"(?i)env[ _-]?(updated|changed|vars?)|variable|config")


@dataclass(frozen=True)
class Outage:
    """A stretch in which nearly all requests to protected routes failed, also of known addresses."""

    first_at: datetime
    last_at: datetime
    refused: int
    addresses: int


@dataclass(frozen=True)
class DeployNear:
    """A deploy near an outage."""

    began_at: datetime
    ended_at: datetime
    trigger: str
    evidence: str

    @property
    def of_variables(self) -> bool:
        """Whether a change of variables set it off."""
        return bool(_VARIABLES.search(self.trigger))


def worst_outage(investigation: Investigation) -> Outage | None:
    """The outage of the window in which most requests failed; None if none was found."""
    found = [
        Outage(alarm.first_at, alarm.last_at, alarm.count, len(alarm.clients))
        for alarm in detected_in_window(investigation).alarms("A10")
        if alarm.first_at is not None and alarm.last_at is not None
    ]
    return max(found, key=lambda one: one.refused, default=None)


def core_of(investigation: Investigation, outage: Outage) -> Outage:
    """The part of an outage in which most refusals follow each other within `PAUSE`; it has no longer gap."""
    here = investigation.here
    during = here["timed"] & here["refused"] & here["not_before_at"].between(outage.first_at, outage.last_at)
    refused = here[during].sort_values("not_before_at")
    if refused.empty:
        return outage
    runs = refused["not_before_at"].diff().gt(PAUSE).cumsum()
    most = refused.groupby(runs)["count"].sum().idxmax()
    core = refused[runs == most]
    first, last = core["not_before_at"].min(), core["not_before_at"].max()
    addresses = int(core["client"].astype("str").nunique())
    return Outage(first.to_pydatetime(), last.to_pydatetime(), int(core["count"].sum()), addresses)


def deploy_before(investigation: Investigation, outage: Outage) -> DeployNear | None:
    """The last deploy that may have taken effect before it, within the time that clients have to follow."""
    grace = timedelta(hours=investigation.rules.grace("deploy"))
    near = [one for one in _deploys(investigation) if one.began_at <= outage.first_at <= one.ended_at + grace]
    return max(near, key=lambda one: one.began_at, default=None)


def deploy_after(investigation: Investigation, outage: Outage) -> DeployNear | None:
    """The first deploy that began after it, within the same time."""
    grace = timedelta(hours=investigation.rules.grace("deploy"))
    last = outage.last_at
    near = [one for one in _deploys(investigation) if last <= one.began_at <= last + grace]
    return min(near, key=lambda one: one.began_at, default=None)


def is_listed(investigation: Investigation, at: datetime) -> bool:
    """Whether a deploy list reaches over an instant: only then does it say that there was none."""
    began = investigation.deploys["began_at"]
    return len(began) > 0 and bool(began.min() <= at <= began.max())


def in_words(investigation: Investigation, outage: Outage) -> str:
    """An outage in one clause: how many failed, of how many addresses, and when."""
    since, until = (briefly(at, investigation.as_of) for at in (outage.first_at, outage.last_at))
    return f"{outage.refused} requests of {outage.addresses} addresses were refused from {since} to {until}"


def _deploys(investigation: Investigation) -> list[DeployNear]:
    deploys = investigation.deploys
    done = deploys[deploys["outcome"].isin(("took effect", "not told")) & deploys["ended_at"].notna()]
    return [DeployNear(row.began_at, row.ended_at, row.trigger, row.evidence) for row in rows(done)]
