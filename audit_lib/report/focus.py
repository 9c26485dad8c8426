"""What is looked at: a window, an address, a route and a secret, and the investigation seen through them."""

from dataclasses import dataclass

import pandas as pd

from audit_lib.base.clock import briefly, iso
from audit_lib.base.errors import BadInput
from audit_lib.incident.exposure_windows import tabulate_exposure_windows
from audit_lib.incident.investigation import Investigation
from audit_lib.incident.pivots import suspect
from audit_lib.incident.question import Question, chosen_window
from audit_lib.incident.where_to_look import loud_addresses
from audit_lib.investigation import seen_through
from audit_lib.logins.requests import Window, maybe_within, totals

AROUND = pd.Timedelta(hours=1)  # beside what a window was moved to


@dataclass
class Focus:
    """What is chosen: `seen` is the investigation through it, and nothing is read again."""

    seen: Investigation

    def pick(
        self,
        since: str = "",
        until: str = "",
        *,
        client: str | None = None,
        route: str | None = None,
        secret: str | None = None,
    ) -> "Focus":
        """Look at something else; what is not given stays as it is.

        Raises:
            BadInput: an instant that cannot be used, or a secret that neither policy nor project has.
        """
        seen, window = self.seen, None
        if secret and secret not in self.secrets:
            raise BadInput.at("secret", "no such variable in the policy or the project")
        if since or until:
            question = Question(since or iso(seen.window.since), until or iso(seen.window.until))
            window = chosen_window(question, "", seen.leaks, seen.history, seen.as_of)
        self.seen = seen_through(seen, window, secret=secret, client=client, route=route)
        return self

    @property
    def client(self) -> str:
        """The address that is chosen, else the most conspicuous one of the window that was opened.

        Another window has another one, but to find it takes all detections: nobody waits for that at a brush.
        """
        return self.seen.client or self.seen.once("first suspect", lambda: suspect(self.seen))

    @property
    def parameters(self) -> dict[str, str]:
        """The choice as parameters of the notebook."""
        window = self.seen.window
        chosen = {"secret": self.seen.secret, "client": self.seen.client}
        return {"since": iso(window.since), "until": iso(window.until), **chosen}

    @property
    def clients(self) -> list[str]:
        """Every address that was read: those that stand out, then by refusals, then by requests."""
        return self.seen.once("clients by refusals", self._clients)

    def _clients(self) -> list[str]:
        requests = self.seen.requests
        counts = pd.DataFrame({"all": totals(requests, "client")})
        counts["refused"] = totals(requests, "client", requests["refused"]).reindex(
            counts.index, fill_value=0
        )
        order = counts.sort_values(["refused", "all"], ascending=False, kind="stable").index
        loud = loud_addresses(self.seen)
        return [name for name in dict.fromkeys((*loud, *map(str, order))) if name]

    @property
    def routes(self) -> list[str]:
        """Every route that was read, the busiest first."""

        def busiest() -> list[str]:
            counts = totals(self.seen.requests, "route").sort_values(ascending=False, kind="stable")
            return list(map(str, counts.index))

        return self.seen.once("routes by requests", busiest)

    @property
    def secrets(self) -> list[str]:
        """Every secret of the project."""
        return sorted(set(self.seen.inventory["secret"]))

    @property
    def elsewhere(self) -> Window | None:
        """Where the choice was seen, if none of it is in the window; None if some is, or none was read."""
        for key, name in (("client", self.seen.client), ("route", self.seen.route)):
            if name and not self.seen.here[key].eq(name).any():
                found = self.seen.requests[self.seen.requests[key].eq(name)]
                return self._around(found["not_before_at"].min(), found["not_after_at"].max())
        if self.seen.secret:
            windows = tabulate_exposure_windows(self.seen)
            bounds = windows.rename(columns={"begins_at": "not_before_at", "ends_at": "not_after_at"})
            if len(bounds) and not maybe_within(bounds, self.seen.window).any():
                return self._around(bounds["not_before_at"].min(), bounds["not_after_at"].max())
        return None

    def _around(self, first: "pd.Timestamp", last: "pd.Timestamp") -> Window | None:
        if pd.isna(first) and pd.isna(last):
            return None
        low, high = (first if pd.notna(first) else last), (last if pd.notna(last) else first)
        until = min((high + AROUND).ceil("min"), pd.Timestamp(self.seen.as_of))
        return Window((low - AROUND).floor("min"), until) if low - AROUND < until else None

    @property
    def remark(self) -> str:
        """What has to be said of the choice: that it is outside of the window, or was never seen."""
        seen, there = self.seen, self.elsewhere
        if there:
            between = f"{briefly(there.since, seen.as_of)} and {briefly(there.until, seen.as_of)}"
            return f"Nothing of what is chosen is in the window; it was seen between {between} (UTC)."
        unread = [name for name, known in ((seen.client, self.clients), (seen.route, self.routes))
                  if name and name not in known]  # fmt: skip
        return f"In none of the logs that were read: {', '.join(unread)}." if unread else ""

    def go(self) -> "Focus":
        """Move the window to where what is chosen was seen, if it is elsewhere."""
        there = self.elsewhere
        return self.pick(iso(there.since), iso(there.until)) if there else self
