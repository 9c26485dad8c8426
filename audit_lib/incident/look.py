"""What is looked at: a window, a secret, an address, given as text or chosen in JupyterLab."""

from datetime import datetime, timedelta
from functools import partial
from ipaddress import ip_address
from typing import Any

import pandas as pd

from audit_lib.base.clock import iso, parse_instant, since_instant
from audit_lib.base.errors import AuditError, BadInput
from audit_lib.logins.traffic import Window
from audit_lib.settings import Policy


def window_of(since: str, until: str, as_of: datetime, first_at: datetime | None = None) -> Window:
    """The window from `since` (an instant, or `24h` before the end) until `until`, at most until `as_of`.
    Without `since` it begins at `first_at`, when a leak was first seen, else seven days before its end.
    `BadInput` for a text that names no instant, and for a window that does not begin before its end."""
    end = min(parse_instant(until, "until"), as_of) if until else as_of
    begin = first_at if first_at and first_at < end else end - timedelta(days=7)
    window = Window(since_instant(since, end) if since else begin, end)
    BadInput.unless(window.since < end, "since", f"is not before {iso(end)}")
    return window


def secret_of(text: str, policy: Policy, inventory: pd.DataFrame) -> str:
    """The secret of a name or an alias, "" for no text; `BadInput` if neither policy nor project has it."""
    name = text.strip()
    rule = policy.rule(name) if name else None
    known = not name or rule or name in set(inventory["variable"])
    BadInput.unless(known, "secret", "no such variable in the policy or the project")
    return rule.name if rule else name


def address_of(text: str) -> str:
    """The address that a text names, "" for no text; `BadInput` for what is not one."""
    try:
        return str(ip_address(text.strip())) if text.strip() else ""
    except ValueError:
        raise BadInput.at("address", "must be an address such as 203.0.113.45") from None


def pick(investigation: Any) -> Any:
    """Fields of window, address and secret for JupyterLab; run the cells below again after a choice."""
    import ipywidgets  # noqa: PLC0415  an extra: without it the parameters do the same

    case, said = investigation.case, ipywidgets.Label(repr(investigation))
    since, until = iso(case.window.since), iso(case.window.until)
    clients = sorted(set(case.activity.requests["client"]) - {""})
    choices = {"address": clients[:2000], "secret": sorted(set(case.read.inventory["secret"]))}

    def choose(name: str, change: Any) -> None:
        try:
            investigation.look(**{name: change["new"]})
            said.value = repr(investigation)
        except AuditError as error:  # what is looked at stays as it was, and the fields go on
            said.value = str(error)

    fields = []
    for name, now in {"since": since, "until": until, "address": case.address, "secret": case.secret}.items():
        shown = {"value": now, "options": choices.get(name, ()), "description": name}
        fields.append(ipywidgets.Combobox(**shown, continuous_update=False))
        fields[-1].observe(partial(choose, name), names="value")
    return ipywidgets.VBox([*fields, said])
