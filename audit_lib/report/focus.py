"""What is looked at: a window, an address and a secret, and the investigation seen through them."""

from dataclasses import dataclass

import pandas as pd

from audit_lib.base.clock import briefly, iso
from audit_lib.base.errors import BadInput
from audit_lib.incident.explanations import suspect
from audit_lib.incident.investigation import Investigation
from audit_lib.incident.question import Question, chosen_window
from audit_lib.investigation import seen_through
from audit_lib.logins.requests import totals


@dataclass
class Focus:
    """What is chosen: `seen` is the investigation through it, and nothing is read again."""

    seen: Investigation

    def pick(
        self, since: str = "", until: str = "", *, client: str | None = None, secret: str | None = None
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
        self.seen = seen_through(seen, window, secret=secret, client=client)
        return self

    @property
    def client(self) -> str:
        """The address that is chosen, else the most conspicuous of the window that was opened.

        Another window has another, but to find it takes all detections: nobody waits for that at a picker.
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
        """Every address that was read, by refusals, then by requests."""
        return self.seen.once("clients by refusals", self._clients)

    def _clients(self) -> list[str]:
        requests = self.seen.requests
        counts = pd.DataFrame({"all": totals(requests, "client")})
        refused = totals(requests, "client", requests["refused"])
        counts["refused"] = refused.reindex(counts.index, fill_value=0)
        order = counts.sort_values(["refused", "all"], ascending=False, kind="stable").index
        return [name for name in map(str, order) if name]

    @property
    def secrets(self) -> list[str]:
        """Every secret of the project."""
        return sorted(set(self.seen.inventory["secret"]))

    @property
    def remark(self) -> str:
        """What has to be said of the address that is chosen; "" if it sent requests in the window."""
        seen, client = self.seen, self.seen.client
        if not client or seen.here["client"].eq(client).any():
            return ""
        mine = seen.requests[seen.requests["client"].eq(client)]
        if mine.empty:
            return f"{client} is in no request that was read."
        first, last = mine["not_before_at"].min(), mine["not_after_at"].max()
        if pd.isna(first) or pd.isna(last):
            return f"{client} sent no request that is known to lie in the window."
        between = f"{briefly(first, seen.as_of)} and {briefly(last, seen.as_of)}"
        return f"{client} sent no request in the window; it was seen between {between} (UTC)."
