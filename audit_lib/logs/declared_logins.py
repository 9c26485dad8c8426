"""What declared logins are to the readers: which requests are failed logins, and which messages say so."""

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass

from audit_lib.base.log_kinds import DECLARED
from audit_lib.settings import Login

# A request is a failed login; a login that is answered with a redirect; a request to where one leads.
FAILED, MOVED, SENT = 1, 2, 3
FAILED_LOGIN = "login_failed"  # the kind of messages that tell of one
LOGIN_MOVED = "login answered with a redirect"
LOGIN_SENT = "request to where a login leads"
# How messages name the address of who failed, the most telling words first.
_ADDRESS = ("{text}client: {client}", "{text}from {client}", "{text}ip: {client}", "{text}({client})", "")


@dataclass(frozen=True)
class LoginAnswer:
    """Requests that bear on a declared login, by status, method, route and perhaps a parameter."""

    what: int  # FAILED, MOVED or SENT
    least: int  # of the status
    most: int
    method: str
    route: bytes  # in small letters, without a slash at its end
    parameter: bytes = b""  # in small letters; b"": whatever the query is

    @property
    def message(self) -> str:
        """The name of its event; "" for a failed login, which is a request like other refusals."""
        return {MOVED: LOGIN_MOVED, SENT: LOGIN_SENT}.get(self.what, "")

    def fits(self, status: int, method: str, route: str, query: bytes) -> bool:
        """Whether a request is one of these; of letters beyond ASCII the case counts, as in the kernel."""
        if not self.least <= status <= self.most or method != self.method:
            return False
        return bare_route(route) == self.route and (
            not self.parameter or has_parameter(query, self.parameter)
        )


def bare_route(route: str) -> bytes:
    """A route in small letters, without a slash at its end."""
    text = route.encode("utf-8", "surrogatepass").lower()
    return text[:-1] if len(text) > 1 and text.endswith(b"/") else text


def has_parameter(query: bytes, name: bytes) -> bool:
    """Whether a query has a parameter of this name, in whatever case."""
    return any(pair.partition(b"=")[0].lower() == name for pair in query.split(b"&"))


def answers_of(logins: Iterable[Login], counted: Collection[int]) -> tuple[LoginAnswer, ...]:
    """What requests are to these logins; statuses that are `counted` as failures anyway stay as they are."""
    return tuple(sorted(_answers(logins, counted), key=lambda answer: (answer.what, not answer.parameter)))


def _answers(logins: Iterable[Login], counted: Collection[int]) -> Iterator[LoginAnswer]:
    for login in logins:
        route = bare_route(login.route)
        for status in login.failed_statuses:
            if status not in counted:
                yield LoginAnswer(FAILED, status, status, login.method, route)
        if login.failed_redirect:
            yield LoginAnswer(MOVED, 300, 399, login.method, route)
        for target in filter(None, (login.failed_redirect, login.succeeded_redirect)):
            path, _, parameter = target.partition("?")
            yield LoginAnswer(SENT, 200, 399, "GET", bare_route(path), parameter.lower().encode())


def phrases_of(logins: Sequence[Login]) -> Iterator[tuple[str, str, str]]:
    """The name, template and kind of each message that tells a failed login: with its address, and without.

    Where an answer tells it, too, the message is like others of failed logins: it counts beside no answer.
    """
    for login in logins:
        kind = FAILED_LOGIN if login.failed_statuses or login.failed_redirect else DECLARED
        if login.failed_message:
            for address in _ADDRESS:
                yield f"login {login.name}", f"{{text}}{login.failed_message}{address}", kind
