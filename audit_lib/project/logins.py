"""The [[logins]] of a policy or an audit.toml: on which route one logs in, and what a failure is."""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from audit_lib.base.errors import BadInput
from audit_lib.base.log_kinds import MOST_LOGINS
from audit_lib.base.toml_table import TomlTable, shown_name

METHODS = ("POST", "PUT", "PATCH", "GET", "DELETE")
ROUTE = re.compile(r"/[A-Za-z0-9._~@:+,=!$&'()/{}-]{0,199}")
_MOST_STATUSES = 10
_PHRASE = re.compile(r"[A-Za-z0-9][ -z|~]{5,199}")


@dataclass(frozen=True)
class Login:
    """One way in: an answer with a failed status on its route is a failed login, and so is its message."""

    name: str
    method: str
    route: str  # as it is counted, identifiers as {id}; letter case and a slash at the end aside
    failed_statuses: tuple[int, ...] = ()
    failed_redirect: str = ""  # where who failed is sent: a path, perhaps with ?parameter
    failed_message: str = ""  # what the application writes then: a text within the message
    succeeded_statuses: tuple[int, ...] = ()
    succeeded_redirect: str = ""  # where who got in is sent
    added: bool = False  # by audit.toml: then it adds to what counts without it, and takes nothing away

    @property
    def failure(self) -> str:
        """What a failure is, in words."""
        told = [
            ", ".join(map(str, self.failed_statuses)),
            f"redirect to {self.failed_redirect}" if self.failed_redirect else "",
            f'"{self.failed_message}"' if self.failed_message else "",
        ]
        return " or ".join(filter(None, told))


def read_logins(table: TomlTable, *, added: bool = False) -> tuple[Login, ...]:
    """The logins of a table, in its order; each fault is noted there."""
    found = tuple(_login(inner, added) for inner in table.tables("logins"))
    if len(found) > MOST_LOGINS:
        table.fault(f"has more than {MOST_LOGINS} [[logins]]")
    names = [login.name for login in found]
    for name in sorted({name for name in names if name and names.count(name) > 1}):
        table.fault(f"has the login {shown_name(name)} twice")
    return found[:MOST_LOGINS]


def joined(own: Iterable[Login], added: Iterable[Login]) -> tuple[Login, ...]:
    """The policy's logins, then those of audit.toml; `BadInput` if both have a name."""
    first, more = tuple(own), tuple(added)
    if both := sorted({login.name for login in first} & {login.name for login in more}):
        raise BadInput.at("audit.toml", f"has the login {shown_name(both[0])}, which the policy has")
    return first + more


def _login(table: TomlTable, added: bool) -> Login:
    login = Login(
        name=table.text("name", needed=True),
        method=table.text("method", "POST", among=METHODS),
        route=table.text("route", needed=True),
        failed_statuses=_statuses(table, "failed_statuses"),
        failed_redirect=_redirect(table, "failed_redirect"),
        failed_message=table.text("failed_message"),
        succeeded_statuses=_statuses(table, "succeeded_statuses"),
        succeeded_redirect=_redirect(table, "succeeded_redirect"),
        added=added,
    )
    if login.name and not re.fullmatch(r"\w[\w .-]{0,39}", login.name):
        table.fault("name must be at most 40 letters, digits, spaces, dots, hyphens and underscores")
    if login.route and not ROUTE.fullmatch(login.route):
        table.fault(
            "route must be a path as the logs count it, with {id} for identifiers and without a query"
        )
    if login.failed_message and not _PHRASE.fullmatch(login.failed_message):
        table.fault(
            "failed_message must be 6 to 200 characters of ASCII, a letter or digit first, without braces"
        )
    if not login.failure:
        table.fault("declares no failure: failed_statuses, failed_redirect or failed_message")
    if login.succeeded_redirect and not login.failed_redirect:
        table.fault("has a succeeded_redirect, but no failed_redirect")
    if set(login.failed_statuses) & set(login.succeeded_statuses):
        table.fault("has one status as a failure and as a success")
    table.close()
    return login


def _statuses(table: TomlTable, key: str) -> tuple[int, ...]:
    statuses = table.numbers(key, 100, 599)
    if len(statuses) > _MOST_STATUSES:
        table.fault(f"{key} must hold at most {_MOST_STATUSES} statuses")
    return statuses[:_MOST_STATUSES]


def _redirect(table: TomlTable, key: str) -> str:
    text = table.text(key)
    path, _, parameter = text.partition("?")
    if text and not (ROUTE.fullmatch(path) and re.fullmatch(r"[A-Za-z0-9_.-]{0,40}", parameter)):
        table.fault(f"{key} must be a path, perhaps with ? and the name of a parameter")
        return ""
    return text
