"""What the first screen of an incident speaks of: the best explanation's addresses, or the worst outage."""

from dataclasses import dataclass

import pandas as pd

from audit_lib.base.in_words import counted
from audit_lib.incident.explanations import CUT_OFF, GUESSED, USED, supported
from audit_lib.incident.investigation import Investigation
from audit_lib.incident.outages import Outage, core_of, worst_break
from audit_lib.logs.logins import FAILED_LOGIN

ATTACKS = (USED, GUESSED)


@dataclass(frozen=True)
class Matter:
    """The requests of the window that it is about, and the outage if it is one."""

    requests: pd.DataFrame  # as `Investigation.here`
    messages: (
        pd.DataFrame
    )  # as `Investigation.said`: the failed logins that are told of these addresses, or of all
    outage: Outage | None = None
    beside: Outage | None = None  # one that an attack does not explain
    whose: str = ""  # in words, with a space behind; "" if it is about all requests

    @property
    def told(self) -> int:
        """How many failed logins messages tell."""
        return len(self.messages)

    @property
    def refused(self) -> pd.DataFrame:
        """The refused ones; of an outage those that failed in it."""
        if self.outage is not None:
            return self.outage.hit(self.requests)
        return self.requests[self.requests["refused"]]


def matter(investigation: Investigation) -> Matter:
    """An attack or a stale client is about its addresses, anything else about the worst outage, or all."""
    told, here = supported(investigation), investigation.here
    worst = worst_break(investigation)
    outage = core_of(investigation, worst) if worst else None
    messages = investigation.said[investigation.said["kind"].eq(FAILED_LOGIN)]
    named = [case for case in told if case.name in (*ATTACKS, CUT_OFF)]
    first = bool(named) and named[0] is told[0]
    if (first or (named and outage is None)) and named[0].addresses:
        names = named[0].addresses
        others = f"and {counted(len(names) - 1, 'other address', 'other addresses')} " * (len(names) > 1)
        whose = f"of {names[0]} {others}"
        requests, messages = (every[every["client"].isin(names)] for every in (here, messages))
        return Matter(requests, messages, beside=outage, whose=whose)
    return Matter(here, messages, outage)
