"""An outage, in which nearly all requests failed, and the deploys just before and after it."""

import re
from dataclasses import dataclass
from datetime import datetime, timedelta

import pandas as pd

from audit_lib.base.clock import briefly
from audit_lib.base.frames import rows
from audit_lib.incident.investigation import Investigation
from audit_lib.incident.window_detections import detected_in_window
from audit_lib.logins.detect.incidents import EVERYONE
from audit_lib.logs.deploys import KIND as DEPLOYS

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
    errors: bool = False  # they were not refused, but answered with server errors

    @property
    def how(self) -> str:
        """How its requests failed, in words."""
        return "answered with server errors" if self.errors else "refused"

    def hit(self, requests: pd.DataFrame) -> pd.DataFrame:
        """The requests that failed in it."""
        failed = requests["status"].ge(500) if self.errors else requests["refused"]
        return requests[failed & requests["not_before_at"].between(self.first_at, self.last_at)]


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
    """The outage of the window in which most requests were refused; None if none was found."""
    return _worst(investigation, "known-clients-failing", errors=False)


def worst_break(investigation: Investigation) -> Outage | None:
    """The worst outage; without one that in which most requests of all were answered with server errors."""
    return worst_outage(investigation) or _worst(investigation, "application-failing", errors=True)


def _worst(investigation: Investigation, detection: str, *, errors: bool) -> Outage | None:
    found = [
        Outage(alarm.first_at, alarm.last_at, alarm.count, len(alarm.clients), errors)
        for alarm in detected_in_window(investigation).alarms(detection)
        if alarm.first_at is not None
        and alarm.last_at is not None
        and alarm.severity == "high"
        and (alarm.subject == EVERYONE or not errors)
    ]
    return max(found, key=lambda one: one.refused, default=None)


def core_of(investigation: Investigation, outage: Outage) -> Outage:
    """The part of an outage in which most refusals follow each other within `PAUSE`; it has no longer gap."""
    here = investigation.here
    refused = outage.hit(here[here["timed"]]).sort_values("not_before_at")
    if refused.empty:
        return outage
    runs = refused["not_before_at"].diff().gt(PAUSE).cumsum()
    most = refused.groupby(runs)["count"].sum().idxmax()
    core = refused[runs == most]
    first, last = core["not_before_at"].min(), core["not_before_at"].max()
    addresses = int(core["client"].astype("str").nunique())
    count = int(core["count"].sum())
    return Outage(first.to_pydatetime(), last.to_pydatetime(), count, addresses, outage.errors)


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
    """Whether a deploy list that was read whole reaches over an instant: only then it says there was none."""
    began, lists = investigation.deploys["began_at"], investigation.sources
    lists = lists[lists["kind"].eq(DEPLOYS)]
    whole = lists["state"].eq("read").all() and not lists["not_understood"].sum()
    return bool(whole and len(began) and began.min() <= at <= began.max())


def in_words(investigation: Investigation, outage: Outage) -> str:
    """An outage in one clause: how many failed, of how many addresses, and when."""
    since, until = (briefly(at, investigation.as_of) for at in (outage.first_at, outage.last_at))
    whom = f"{outage.refused} requests of {outage.addresses} addresses"
    return f"{whom} were {outage.how} from {since} to {until}"


def _deploys(investigation: Investigation) -> list[DeployNear]:
    deploys = investigation.deploys
    done = deploys[deploys["outcome"].isin(("took effect", "not told")) & deploys["ended_at"].notna()]
    return [DeployNear(row.began_at, row.ended_at, row.trigger, row.evidence) for row in rows(done)]
