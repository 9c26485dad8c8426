"""Declared logins: which requests and messages are failed logins, and how one ended that was redirected."""

from collections import defaultdict, deque
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from operator import itemgetter

from audit_lib.base.log_kinds import DECLARED
from audit_lib.settings import Login

# A request is a failed login; a login that is answered with a redirect; a request to where one leads.
FAILED, MOVED, SENT = 1, 2, 3
FAILED_LOGIN = "login_failed"  # the kind of messages that report one
LOGIN_MOVED = "login answered with a redirect"
LOGIN_SENT = "request to where a login leads"
OPEN_LOGINS = (LOGIN_MOVED, LOGIN_SENT)
SECONDS = 30  # within so many a browser has followed a redirect
# How messages name the address of who failed, the most telling words first.
_ADDRESS = ("{text}client: {client}", "{text}from {client}", "{text}ip: {client}", "{text}({client})", "")


@dataclass(frozen=True)
class LoginAnswer:
    """Requests that bear on a declared login, by status, method, route and perhaps a parameter."""

    what: int  # FAILED, MOVED or SENT
    statuses: range
    method: str
    route: bytes  # in small letters, without a slash at its end
    parameter: bytes = b""  # in small letters; b"": whatever the query is

    @property
    def message(self) -> str:
        """The name of its event; "" for a failed login, which is a request like other refusals."""
        return {MOVED: LOGIN_MOVED, SENT: LOGIN_SENT}.get(self.what, "")

    def fits(self, status: int, method: str, query: bytes) -> bool:
        """Whether a request on its route is one of these."""
        if status not in self.statuses or method != self.method:
            return False
        return not self.parameter or has_parameter(query, self.parameter)


def bare_route(route: str) -> bytes:
    """A route in small letters, without a slash at its end; beyond ASCII the case counts."""
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
                yield LoginAnswer(FAILED, range(status, status + 1), login.method, route)
        if login.failed_redirect:
            yield LoginAnswer(MOVED, range(300, 400), login.method, route)
        for target in filter(None, (login.failed_redirect, login.succeeded_redirect)):
            path, _, parameter = target.partition("?")
            yield LoginAnswer(SENT, range(200, 400), "GET", bare_route(path), parameter.lower().encode())


def phrases_of(logins: Sequence[Login]) -> Iterator[tuple[str, str, str]]:
    """The name, template and kind of each message of a failed login: with its address, and without.

    Where an answer shows it, too, the message is like others of failed logins: it counts beside no answer.
    """
    for login in logins:
        kind = FAILED_LOGIN if login.failed_statuses or login.failed_redirect else DECLARED
        if login.failed_message:
            for address in _ADDRESS:
                yield f"login {login.name}", f"{{text}}{login.failed_message}{address}", kind


@dataclass(frozen=True)
class LoginStep:
    """A login that was answered with a redirect, or (with a parameter) a request to where one may lead."""

    is_login: bool
    at: int | None
    client: str  # "" if nobody knows whose it is
    method: str
    route: str
    parameter: str


def failed_steps(steps: Sequence[LoginStep], logins: Iterable[Login]) -> list[bool | None]:
    """For each step, in the order of lines, whether it is a login that failed; None if nothing says it.

    A client that does not follow, or whose next request is not one that is declared, may be a program: then
    nothing is known. What is no login is no failure.
    """
    ways = {(login.method, bare_route(login.route)): login for login in logins if login.failed_redirect}
    failed: list[bool | None] = [None if step.is_login else False for step in steps]
    waiting: dict[tuple[str, Login], deque[int]] = defaultdict(deque)
    for place, step in enumerate(steps):
        route = bare_route(step.route)
        if step.is_login:
            if step.client:
                waiting[step.client, ways[step.method, route]].append(place)
            continue
        known = [(login, _outcome(login, route, step.parameter)) for login in ways.values()]
        queues = [(waiting[step.client, login], outcome) for login, outcome in known if outcome is not None]
        for queue, _ in queues:
            while queue and not _is_near(steps[queue[0]].at, step.at):
                queue.popleft()
        if ready := [(queue[0], queue, outcome) for queue, outcome in queues if queue]:
            first, queue, outcome = min(ready, key=itemgetter(0))
            failed[first] = outcome
            queue.popleft()
    return failed


def _is_near(first: int | None, second: int | None) -> bool:
    """Whether a request can follow another's redirect; without their times their order tells."""
    return first is None or second is None or abs(second - first) <= SECONDS * 1_000_000


def _outcome(login: Login, route: bytes, parameter: str) -> bool | None:
    """Whether a login that was sent there failed; None if that says nothing."""
    failed, succeeded = (
        _leads(target, route, parameter) for target in (login.failed_redirect, login.succeeded_redirect)
    )
    # Where both lead to one path, the parameter tells.
    if failed and succeeded and "?" in login.succeeded_redirect and "?" not in login.failed_redirect:
        return False
    return True if failed else False if succeeded else None


def _leads(target: str, route: bytes, parameter: str) -> bool:
    path, _, name = target.partition("?")
    return bool(path) and bare_route(path) == route and name.lower() in ("", parameter)
