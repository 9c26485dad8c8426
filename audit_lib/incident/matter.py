"""What the first screen of an incident speaks of: the best explanation's addresses, or the worst outage."""

from dataclasses import dataclass

import pandas as pd

from audit_lib.base.in_words import counted
from audit_lib.incident.explanations import tabulate_explanations
from audit_lib.incident.investigation import Investigation
from audit_lib.incident.outages import Outage, core_of, worst_outage

ATTACKS = ("brute force", "leaked and used", "quiet misuse")


@dataclass(frozen=True)
class Matter:
    """The requests of the window that it is about, and the outage if it is one."""

    requests: pd.DataFrame  # as `Investigation.here`
    outage: Outage | None = None
    beside: Outage | None = None  # one that an attack does not explain
    whose: str = ""  # in words, with a space behind; "" if it is about all requests

    @property
    def refused(self) -> pd.DataFrame:
        """The refused ones; of an outage those within it."""
        refused = self.requests[self.requests["refused"]]
        if self.outage is None:
            return refused
        return refused[refused["not_before_at"].between(self.outage.first_at, self.outage.last_at)]


def matter(investigation: Investigation) -> Matter:
    """An attack is about its addresses; anything else about the worst outage, or all of the window."""
    best, here = tabulate_explanations(investigation).iloc[0], investigation.here
    worst = worst_outage(investigation)
    outage = core_of(investigation, worst) if worst else None
    spoken = best["verdict"] in ("likely", "possible") and best["explanation"] in ATTACKS
    if spoken and best["addresses"]:
        names = str(best["addresses"]).split("; ")
        others = f"and {counted(len(names) - 1, 'other address', 'other addresses')} " * (len(names) > 1)
        whose = f"of {names[0]} {others}"
        return Matter(here[here["client"].isin(names)], beside=outage, whose=whose)
    return Matter(here, outage)
