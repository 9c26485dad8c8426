"""The tables to look closer with, instants brief: uses of a value, an address, a route, a secret."""

from datetime import datetime
from functools import partial

import pandas as pd

from audit_lib.base import in_words
from audit_lib.base.clock import briefly
from audit_lib.base.frames import rows
from audit_lib.base.in_words import counted
from audit_lib.incident import exposure_windows, pivots
from audit_lib.incident.investigation import Investigation
from audit_lib.incident.newcomers import lacks_history
from audit_lib.incident.record import windows_concerned
from audit_lib.logins.parameters import is_known
from audit_lib.logins.requests import NOT_KNOWN, Window
from audit_lib.report.leak_tables import shown_lives
from audit_lib.report.table import Table, show
from audit_lib.rotation.progress import RotationRead, tabulate_leak_lives
from audit_lib.secrecy.identities import marked_clients

_WORDS = {
    "client": "address",
    "classification": "class",
    "not_before_at": "from",
    "not_after_at": "to",
    "successes": "answered",
    "successes_before": "answered before",
    "may_be": "perhaps outside",
}
MOST_ROWS = 60
MOST_SECRETS = 3


def with_brief_instants(frame: pd.DataFrame, as_of: datetime, **words: str) -> pd.DataFrame:
    """The frame for a reader: `first_at` becomes `first`, `20 Aug 03:00`; `words` name columns anew."""
    shown = frame.copy()
    for name in frame:
        if isinstance(frame[name].dtype, pd.DatetimeTZDtype):
            texts = [in_words.NOT_KNOWN if pd.isna(at) else briefly(at, as_of) for at in frame[name]]
            shown[name] = pd.Series(texts, index=frame.index, dtype="object")
    named = {name: (_WORDS | words).get(name, name.removesuffix("_at")) for name in map(str, frame)}
    return shown.rename(columns=named)


def exposure_table(investigation: Investigation) -> Table:
    """From when until when each value could be used by others."""
    frame = exposure_windows.tabulate_exposure_windows(investigation).drop(columns="fingerprint")
    empty = "no secret is named, and none is known to have leaked"
    shown = with_brief_instants(frame, investigation.as_of, ends_earliest_at="ends at the earliest")
    shown.loc[frame["open"], ["ends at the earliest", "ends"]] = ""
    note = "The widest windows that the evidence allows."
    return show(shown, "Exposure windows", note, empty, whole=frame)


def uses_table(investigation: Investigation) -> Table:
    """Who was answered on protected routes within the first exposure window, new addresses first."""
    secret, _ = _exposed(investigation)
    name = f"the exposure window of {secret}" if secret else "the window"
    note = "The logs do not say which token a request carried: each of these may have used it."
    found = exposed_uses(investigation)
    shown = with_brief_instants(_marked(investigation, found), investigation.as_of)
    return show(shown, f"Answered on protected routes in {name}", note, whole=found)


def exposed_uses(investigation: Investigation) -> pd.DataFrame:
    """`Uses` of the first exposure window; if there is none, of the window that is looked at."""
    return exposure_windows.tabulate_uses(investigation, _exposed(investigation)[1])


def _exposed(investigation: Investigation) -> tuple[str, Window]:
    """The first exposure window and its secret, "" if there is none."""
    for row in rows(windows_concerned(investigation)):
        return str(row.secret), exposure_windows.span(row, investigation.as_of)
    return "", investigation.window


def lives_table(investigation: Investigation) -> Table:
    """How far the clean-up of each leak is."""
    read = RotationRead(investigation.as_of, investigation.inventory, investigation.ledger)
    return shown_lives(tabulate_leak_lives(investigation.leaks, read))


def couplings_table(investigation: Investigation) -> Table:
    """What else the rotation of the secret touches."""
    leaked = list(dict.fromkeys(exposure_windows.tabulate_exposure_windows(investigation)["secret"]))
    secrets = [investigation.secret] if investigation.secret else leaked
    frames = [exposure_windows.tabulate_couplings(investigation, secret) for secret in secrets[:MOST_SECRETS]]
    frame = pd.concat(frames) if frames else exposure_windows.tabulate_couplings(investigation, "")
    left = secrets[MOST_SECRETS:]
    note = f"And {counted(len(left), 'more secret')}, with `--secret`: {', '.join(left)}." if left else ""
    empty = "nothing that the policy or an equal value shows"
    return show(frame, "What else a rotation touches", note, empty)


def leaks_table(investigation: Investigation) -> Table:
    """Where values were found outside their homes."""
    frame = pivots.leak_places(investigation, investigation.secret)
    columns = ["secret", "in_force", "place", "path", "line", "commit", "encoding"]
    left = len(frame) - MOST_ROWS
    note = f"{left:,} more places: `leaks` lists all." if left > 0 else ""
    shown = frame.head(MOST_ROWS)
    ids = shown["leak_id"].mask(shown["leak_id"].duplicated()).fillna("")  # of each its first place
    return show(
        shown[columns], "Places of the leak", note, empty="no place was found", ids=list(ids), whole=frame
    )


def clients_table(investigation: Investigation) -> Table:
    """Who sent the requests of the window."""
    clients = investigation.clients
    frame = _marked(investigation, clients.head(MOST_ROWS))
    shown = with_brief_instants(frame, investigation.as_of, failures="refused")
    notes = [_more(clients, "addresses.csv of evidence.zip lists all")]
    if clients["classification"].eq(NOT_KNOWN).any():
        notes.append(f"Missing: {lacks_history(investigation)[0]}.")
    return show(shown, "Addresses in the window", " ".join(filter(None, notes)), whole=clients)


def client_table(investigation: Investigation, client: str = "") -> Table:
    """What is known of an address."""
    chosen = _chosen(investigation, client)
    return show(pivots.client_facts(investigation, chosen), f"Address {chosen}")


def client_routes_table(investigation: Investigation, client: str = "") -> Table:
    """What an address asked for."""
    chosen = _chosen(investigation, client)
    return _shown(investigation, pivots.client_routes(investigation, chosen), f"Routes of {chosen}")


def neighbours_table(investigation: Investigation, client: str = "") -> Table:
    """Who else comes from the same network."""
    chosen = _chosen(investigation, client)
    return _shown(investigation, pivots.neighbours(investigation, chosen), f"Neighbours of {chosen}")


def pivot_table(investigation: Investigation, client: str = "") -> Table:
    """Who else asked for the same routes in the window."""
    chosen = _chosen(investigation, client)
    return _shown(investigation, pivots.pivot(investigation, chosen), f"Others on the routes of {chosen}")


def secrets_then_table(investigation: Investigation) -> Table:
    """Which values may have been in force in the window."""
    found = pivots.secrets_then(investigation, investigation.window)
    shown = with_brief_instants(found, investigation.as_of)
    return show(shown, "In force in the window, by the ledger", whole=found)


def secret_table(investigation: Investigation, secret: str = "") -> Table:
    """What is known of a secret."""
    leaked = list(exposure_windows.tabulate_exposure_windows(investigation)["secret"])
    chosen = secret or investigation.secret or (leaked[0] if leaked else "")
    found = pivots.secret_facts(investigation, investigation.freshness, chosen)
    return show(found, f"Secret {chosen or '(none named)'}")


def route_table(investigation: Investigation, route: str) -> Table:
    """Who asked for a route in the window."""
    return _shown(investigation, pivots.route_clients(investigation, route), f"Route {route}")


def _chosen(investigation: Investigation, client: str) -> str:
    return client or investigation.client or pivots.suspect(investigation)


def _shown(investigation: Investigation, frame: pd.DataFrame, title: str) -> Table:
    shown = with_brief_instants(_marked(investigation, frame.head(MOST_ROWS)), investigation.as_of)
    return show(shown, title, _more(frame, "a shorter window shows all"), whole=frame)


def _marked(investigation: Investigation, frame: pd.DataFrame) -> pd.DataFrame:
    """The frame with a word behind each address that the policy knows (known_clients)."""
    known = partial(is_known, policy=investigation.rules)
    return marked_clients(frame, known) if "client" in frame else frame


def _more(frame: pd.DataFrame, how: str) -> str:
    """How many rows are not shown, and what shows them."""
    left = len(frame) - MOST_ROWS
    return f"And {counted(left, 'more row')}: {how}." if left > 0 else ""
