"""What four public applications log about the same logins, planted by chance, with their truth.

Learned from their documentation and routes; no line is from anybody's log, and no text of theirs is here.
"""

import random
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

START = datetime(2026, 11, 24, tzinfo=UTC)
ATTACKER = "203.0.113.66"
GUESSES = 40
AGENT = "Mozilla/5.0 (X11; Linux x86_64)"


@dataclass(frozen=True)
class Visit:
    """One thing that somebody does: a login that fails or succeeds, or a page that is asked for."""

    at: datetime
    client: str
    what: str  # failed | succeeded | page


@dataclass(frozen=True)
class Application:
    """How an application writes, its pages, and what declares its logins."""

    name: str
    lines: Callable[[Visit, random.Random], Iterator[str]]
    declaration: str
    tells_success: bool  # its log shows who got in


def visits(seed: int, failed: int = 161, pages: int = 900) -> list[Visit]:
    """Visits of two weeks: people who mistype, an attacker who gets in, and pages between them."""
    chance = random.Random(seed)
    people = [f"198.51.100.{number}" for number in range(2, 32)]
    made = [Visit(_at(chance), chance.choice(people), "page") for _ in range(pages)]
    made += [Visit(_at(chance), chance.choice(people), "failed") for _ in range(failed - GUESSES)]
    made += [Visit(_at(chance), chance.choice(people), "succeeded") for _ in range(3 * failed)]
    begun = START + timedelta(days=9, hours=3)
    made += [Visit(begun + timedelta(seconds=5 * n), ATTACKER, "failed") for n in range(GUESSES)]
    made.append(Visit(begun + timedelta(seconds=5 * GUESSES), ATTACKER, "succeeded"))
    return sorted(made, key=lambda visit: (visit.at, visit.client))


def _at(chance: random.Random) -> datetime:
    # A minute apart at least from all others, so that whose redirect is followed is beyond doubt.
    return START + timedelta(minutes=chance.randrange(14 * 24 * 60))


def truth(made: list[Visit]) -> Counter[str]:
    """How many logins of each address failed."""
    return Counter(visit.client for visit in made if visit.what == "failed")


def written(application: Application, made: list[Visit], seed: int = 0) -> str:
    """The log of an application about these visits."""
    chance = random.Random(seed)
    return "".join(f"{line}\n" for visit in made for line in application.lines(visit, chance))


def _combined(visit: Visit, request: str, status: int, after: int = 0) -> str:
    at = visit.at + timedelta(seconds=after)
    return (
        f'{visit.client} - - [{at:%d/%b/%Y:%H:%M:%S +0000}] "{request} HTTP/1.1" {status} 512 "-" "{AGENT}"'
    )


def _template(visit: Visit, chance: random.Random) -> Iterator[str]:
    """full-stack-fastapi-template behind traefik, whose access log has the common format."""
    request, status = {
        "page": (chance.choice(("GET /api/v1/items/", "GET /api/v1/users/me", "POST /api/v1/items/")), 200),
        "failed": ("POST /api/v1/login/access-token", 400),
        "succeeded": ("POST /api/v1/login/access-token", 200),
    }[visit.what]
    tail = '40 "-" "-" 12 "stack-backend-https@docker" "http://172.18.0.5:8000" 12ms'
    yield f'{visit.client} - - [{visit.at:%d/%b/%Y:%H:%M:%S +0000}] "{request} HTTP/1.1" {status} {tail}'


def _bookstack(visit: Visit, chance: random.Random) -> Iterator[str]:
    """BookStack behind nginx: both answers are a redirect, and failed access logging writes a message."""
    if visit.what == "page":
        yield _combined(visit, chance.choice(("GET /books", "GET /shelves", "POST /pages/7/draft")), 200)
        return
    yield _combined(visit, "POST /login", 302)
    if visit.what == "failed":
        said = f"PHP message: Failed login for user{chance.randrange(99)}@example.com"
        yield (
            f'{visit.at:%Y/%m/%d %H:%M:%S} [error] 31#31: *7 FastCGI sent in stderr: "{said}" while reading '
            f"response header from upstream, client: {visit.client}, server: wiki.example.com, request: "
            f'"POST /login HTTP/1.1", upstream: "fastcgi://127.0.0.1:9000", host: "wiki.example.com"'
        )
    yield _combined(visit, "GET /login" if visit.what == "failed" else "GET /", 200, after=1)


def _netbox(visit: Visit, chance: random.Random) -> Iterator[str]:
    """netbox-docker: a failed login shows the form again, a right one leads on."""
    if visit.what == "page":
        asked = ("GET /dcim/devices/", "GET /api/dcim/sites/", "POST /dcim/sites/add/")
        yield _combined(visit, chance.choice(asked), 200)
        return
    yield _combined(visit, "GET /login/?next=/", 200, after=-1)
    yield _combined(visit, "POST /login/", 200 if visit.what == "failed" else 302)


def _plane(visit: Visit, chance: random.Random) -> Iterator[str]:
    """plane behind its proxy: both answers are a redirect, a failed one to a page with an error's code."""
    if visit.what == "page":
        yield _combined(visit, chance.choice(("GET /", "GET /acme/projects", "POST /api/users/me/")), 200)
        return
    yield _combined(visit, "POST /auth/sign-in/", 302)
    failed = "GET /?error_code=5065&error_message=AUTHENTICATION_FAILED_SIGN_IN"
    yield _combined(visit, failed if visit.what == "failed" else "GET /acme/", 200, after=1)


APPLICATIONS = (
    Application(
        "full-stack-fastapi-template",
        _template,
        'route = "/api/v1/login/access-token"\nfailed_statuses = [400]\nsucceeded_statuses = [200]\n',
        tells_success=True,
    ),
    Application(
        "BookStack",
        _bookstack,
        'route = "/login"\nfailed_message = "Failed login for"\n',
        tells_success=False,
    ),
    Application(
        "netbox-docker",
        _netbox,
        'route = "/login/"\nfailed_statuses = [200]\nsucceeded_statuses = [302]\n',
        tells_success=True,
    ),
    Application(
        "plane",
        _plane,
        'route = "/auth/sign-in/"\nfailed_redirect = "/?error_code"\n',
        tells_success=False,
    ),
)
