"""From an address, a secret or a route to what it leads to: each method gives a frame to go on with."""

from dataclasses import dataclass, field

import pandas as pd

from audit_lib.base.frames import rows
from audit_lib.incident import pivots
from audit_lib.incident.contracts import Uses
from audit_lib.incident.exposure_windows import span, tabulate_exposure_windows, tabulate_uses
from audit_lib.incident.investigation import Investigation
from audit_lib.incident.timeline import tabulate_lane, tabulate_secret
from audit_lib.investigation import seen_through
from audit_lib.logins.requests import Window


@dataclass(frozen=True)
class Address:
    """An address, as the investigation sees it."""

    name: str
    seen: Investigation = field(repr=False)

    def facts(self) -> pd.DataFrame:
        """One row for each thing known of it: `fact`, `value`."""
        return pivots.client_facts(self.seen, self.name)

    def requests(self) -> pd.DataFrame:
        """Its `Requests`, in all logs."""
        return self.seen.requests[self.seen.requests["client"] == self.name].reset_index(drop=True)

    def routes(self) -> pd.DataFrame:
        """One row for each route that it asked for, in all logs."""
        return pivots.client_routes(self.seen, self.name)

    def neighbours(self) -> pd.DataFrame:
        """One row for each other address of its /24 or /64, in all logs."""
        return pivots.neighbours(self.seen, self.name)

    def others(self) -> pd.DataFrame:
        """One row for each other address on its routes, in the window."""
        return pivots.pivot(self.seen, self.name)

    def timeline(self) -> pd.DataFrame:
        """Its requests in the window, by time, as rows like `Timeline`'s."""
        return tabulate_lane(self.seen, "this address", "client", self.name)

    def secrets_in_force(self) -> pd.DataFrame:
        """One row for each value that may have been in force while it sent requests."""
        mine = self.requests()
        first, last = mine["not_before_at"].min(), mine["not_after_at"].max()
        if pd.isna(first) or pd.isna(last):
            return pivots.secrets_then(self.seen, self.seen.window).iloc[:0]
        return pivots.secrets_then(self.seen, Window(first, last))


@dataclass(frozen=True)
class Secret:
    """A secret, as the investigation sees it: by its name, never its value."""

    name: str
    seen: Investigation = field(repr=False)

    def places(self) -> pd.DataFrame:
        """One row for each place of it: state, age, leaks."""
        return pivots.secret_facts(self.seen, self.seen.freshness, self.name)

    def leaks(self) -> pd.DataFrame:
        """One row for each place at which a value of it was found outside of its home."""
        return pivots.leak_places(self.seen, self.name)

    def exposure(self) -> pd.DataFrame:
        """`ExposureWindows` of it."""
        return tabulate_exposure_windows(seen_through(self.seen, secret=self.name))

    def uses(self) -> pd.DataFrame:
        """`Uses` within each of its exposure windows: `exposed_from_at` says within which."""
        found = [
            tabulate_uses(self.seen, span(row, self.seen.as_of)).assign(exposed_from_at=row.begins_at)
            for row in rows(self.exposure())
        ]
        uses = pd.concat(found, ignore_index=True) if found else Uses.of([]).assign(exposed_from_at=None)
        return uses.assign(exposed_from_at=pd.to_datetime(uses["exposed_from_at"], utc=True))

    def timeline(self) -> pd.DataFrame:
        """Its changes, revocations, commits and leaks, in all that was read, as `Timeline`."""
        return tabulate_secret(self.seen, self.name)


@dataclass(frozen=True)
class Route:
    """A route, as the investigation sees it."""

    name: str
    seen: Investigation = field(repr=False)

    def clients(self) -> pd.DataFrame:
        """One row for each address that asked for it, in the window."""
        return pivots.route_clients(self.seen, self.name)

    def requests(self) -> pd.DataFrame:
        """Its `Requests`, in all logs."""
        return self.seen.requests[self.seen.requests["route"] == self.name].reset_index(drop=True)

    def timeline(self) -> pd.DataFrame:
        """Its requests in the window, by time, as rows like `Timeline`'s."""
        return tabulate_lane(self.seen, "this route", "route", self.name)
