"""The sample's logs: a quarter in mixed formats, with failures planted and decoys beside them."""

import json
import random
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from audit_lib.sample.gzip_bytes import packed
from audit_lib.sample.history import HeldVariable, midnight

QUIET_DAYS = {"2026-08-12", "2026-08-13", "2026-08-14"}  # no log was kept
ROUTES = ("/api/positions", "/api/market/indices", "/api/orders?limit=20", "/api/health", "/api/user/profile")
CLIENTS = ("192.0.2.44", "192.0.2.51", "198.51.100.23", "127.0.0.1")
PEOPLE = ("mia@example.com", "noah@example.com", "zoe@example.com")
ATTACKER, SCANNER = "203.0.113.45", "198.51.100.200"


@dataclass(frozen=True)
class SampleLine:
    """A line of a log before a server gives it its shape: a message, or a request."""

    at: datetime
    text: str = ""
    logger: str = "app.main"
    level: str = "INFO"
    client: str = ""
    request: str = ""
    status: int = 0


REASONS = {
    200: "OK",
    401: "Unauthorized",
    403: "Forbidden",
    429: "Too Many Requests",
    500: "Internal Server Error",
}


def log_files(held: Iterable[HeldVariable]) -> dict[str, bytes]:
    """Each log file's bytes: uvicorn and application lines, rotated and compressed; exports; JSON lines."""
    values = {(one.environment, one.name): one for one in held}
    leaked = values["development", "JWT_SECRET_KEY"].at(midnight("2026-07-06"))
    in_query = values["development", "API_TOKEN"].at(midnight("2026-07-06"))
    assert leaked is not None
    assert in_query is not None
    backend = [*_traffic("backend", "2026-07-01", 90), *_attack(), *_sessions(), *_database()]
    backend += [*_bad_start("2026-07-06", leaked.text), *_query("2026-07-21", in_query.text)]
    months = {name: [line for line in backend if line.at.month == month] for name, month in _MONTHS.items()}
    texts = {name: "".join(map(_uvicorn, _sorted(lines))) for name, lines in months.items()}
    export = [*_traffic("staging", "2026-09-01", 28), *_tokens()]
    edge = [*_traffic("edge", "2026-08-20", 40), *_limits(), *_scan(), *_break()]
    return {
        "backend/logs/backend.log": texts["backend.log"].encode(),
        "backend/logs/backend.log.1": texts["backend.log.1"].encode(),
        "backend/logs/backend.log.2.gz": packed(texts["backend.log.2.gz"].encode()),
        "logs/platform-export.log": "".join(map(_exported, _sorted(export))).encode(),
        "logs/edge.jsonl": "".join(map(_json, _sorted(edge))).encode(),
        "logs/worker.log": "".join(_worker()).encode(),
        "logs/frontend.log": b"",
    }


_MONTHS = {"backend.log.2.gz": 7, "backend.log.1": 8, "backend.log": 9}


def _sorted(lines: Iterable[SampleLine]) -> list[SampleLine]:
    return sorted(lines, key=lambda line: line.at)


def _traffic(seed: str, first: str, days: int) -> Iterator[SampleLine]:
    """A few requests a day, nearly all answered 200, and the application's own words between them."""
    chance = random.Random(f"sample {seed}")  # noqa: S311  the same traffic each time
    for day in range(days):
        start = midnight(first) + timedelta(days=day)
        if str(start.date()) in QUIET_DAYS:
            continue
        yield SampleLine(start + timedelta(hours=6), "✅ All required secrets validated successfully")
        for _ in range(chance.randint(4, 9)):
            at = start + timedelta(seconds=chance.randrange(6 * 3600, 22 * 3600))
            status = 401 if chance.random() < 0.04 else 200
            request = f"GET {chance.choice(ROUTES)}"
            yield SampleLine(at, client=chance.choice(CLIENTS), request=request, status=status)
        if chance.random() < 0.3:
            # An answer that the application got, not one that it gave: no failed login.
            url = "https://api.provider.example/v1/quotes"
            yield SampleLine(
                start + timedelta(hours=12), f'HTTP Request: GET {url} "HTTP/1.1 401 Unauthorized"', "httpx"
            )


def _attack() -> Iterator[SampleLine]:
    """Forty wrong passwords within ten minutes, and one more a week later."""
    start = midnight("2026-08-20") + timedelta(hours=3)
    for number in range(40):
        at = start + timedelta(seconds=15 * number)
        yield SampleLine(
            at, f"⚠️ Failed login attempt for: {PEOPLE[number % 3]}", "app.routers.auth", "WARNING"
        )
        yield SampleLine(
            at + timedelta(seconds=1), client=ATTACKER, request="POST /api/auth/login", status=401
        )
    at = start + timedelta(days=7)
    yield SampleLine(at, f"⚠️ Failed login attempt for: {PEOPLE[0]}", "app.routers.auth", "WARNING")
    yield SampleLine(at + timedelta(seconds=1), client=CLIENTS[0], request="POST /api/auth/login", status=401)


def _sessions() -> Iterator[SampleLine]:
    """Tokens of the wrong type, an unknown user, and blocked cross-site requests."""
    for number, day in enumerate(("2026-07-09", "2026-07-30", "2026-09-03")):
        at = midnight(day) + timedelta(hours=9)
        what = "Invalid token type | token_type=refresh" if number % 2 else "User not found | user_id=999"
        yield SampleLine(at, f"JWT auth failed: {what}", "app.core.unified_auth", "ERROR")
        yield SampleLine(
            at + timedelta(seconds=1), client=CLIENTS[1], request="GET /api/positions", status=401
        )
    for minute in range(3):
        at = midnight("2026-09-17") + timedelta(hours=15, minutes=minute)
        blocked = "[CSRF] Blocked request to /api/settings: Missing X-CSRF-Token header"
        yield SampleLine(at, blocked, "app.middleware.csrf", "WARNING")
        yield SampleLine(at + timedelta(seconds=1), client=SCANNER, request="POST /api/settings", status=403)


def _database() -> Iterator[SampleLine]:
    """One failure at start-up and one in operation, each told in several lines."""
    refused = 'connection to server at "10.0.0.5", port 5432 failed: Connection refused'
    start = midnight("2026-07-14") + timedelta(hours=5)
    text = f"[DB] Connection or initialization failed: (psycopg2.OperationalError) {refused}\n"
    yield SampleLine(
        start, text + "\tIs the server running on that host and accepting TCP/IP connections?", level="ERROR"
    )
    at = midnight("2026-09-22") + timedelta(hours=10)
    yield SampleLine(at, client=CLIENTS[0], request="GET /api/positions", status=500)
    trace = (
        "Exception in ASGI application\nTraceback (most recent call last):\n"
        '  File "/srv/app/db.py", line 41, in connect\n'
        f"psycopg2.OperationalError: {refused}\n\n"
        "The above exception was the direct cause of the following exception:\n\n"
        "Traceback (most recent call last):\n"
        '  File "/srv/app/routes.py", line 12, in positions\n'
        f"sqlalchemy.exc.OperationalError: (psycopg2.OperationalError) {refused}\n"
        "(Background on this error at: https://sqlalche.me/e/20/e3q8)"
    )
    yield SampleLine(at + timedelta(seconds=1), trace, "uvicorn.error", "ERROR")


def _bad_start(day: str, value: str) -> Iterator[SampleLine]:
    """A start that its own validation stopped; the last message shows the value that it refuses."""
    at = midnight(day) + timedelta(hours=7)
    words = (
        "🚨 SECRET VALIDATION FAILED!",
        "Missing or invalid secrets detected:",
        "   ❌ TRADIER_ACCOUNT_ID (REQUIRED)",
    )
    for second, text in enumerate(words):
        yield SampleLine(at + timedelta(seconds=second), text, "app.core.config", "ERROR")
    blocked = "Application startup blocked due to missing secrets. Missing: TRADIER_ACCOUNT_ID (REQUIRED)"
    frame = 'Traceback (most recent call last):\n  File "/srv/app/main.py", line 9, in startup'
    yield SampleLine(at + timedelta(seconds=4), f"{frame}\nRuntimeError: {blocked}", "app.main", "ERROR")
    shown = (
        "pydantic_core._pydantic_core.ValidationError: 1 validation error for Settings\nJWT_SECRET_KEY\n"
        f"  String should have at least 32 characters [type=string_too_short, "
        f"input_value='{value}', input_type=str]"
    )
    yield SampleLine(at + timedelta(seconds=5), shown, "app.main", "ERROR")
    yield SampleLine(at + timedelta(seconds=6), "Application startup failed. Exiting.", "uvicorn", "ERROR")


def _query(day: str, value: str) -> Iterator[SampleLine]:
    """A token in an address: the access log keeps it."""
    at = midnight(day) + timedelta(hours=11)
    yield SampleLine(at, client=CLIENTS[2], request=f"GET /api/stream?token={value}", status=200)


def _tokens() -> Iterator[SampleLine]:
    """A scanner that tries tokens, an hour long."""
    for number in range(60):
        at = midnight("2026-09-09") + timedelta(hours=2, minutes=number)
        yield SampleLine(at, client=SCANNER, request="GET /api/positions", status=401)


def _limits() -> Iterator[SampleLine]:
    """A burst that was answered 429."""
    for number in range(12):
        at = midnight("2026-09-09") + timedelta(hours=4, seconds=5 * number)
        yield SampleLine(at, client=SCANNER, request="GET /api/market/indices", status=429)


def _scan() -> Iterator[SampleLine]:
    """A scanner that asks for files which nobody has to see."""
    for number, path in enumerate(
        ("/.env", "/.git/config", "/backend/.env", "/wp-login.php", "/.aws/credentials")
    ):
        at = midnight("2026-09-15") + timedelta(hours=1, seconds=7 * number)
        yield SampleLine(at, client=SCANNER, request=f"GET {path}", status=404)


def _break() -> Iterator[SampleLine]:
    """A deploy with the wrong token: for a quarter of an hour every client is refused."""
    for minute in range(15):
        for place, client in enumerate(CLIENTS[:3]):
            at = midnight("2026-09-24") + timedelta(hours=10, minutes=minute, seconds=11 * place)
            yield SampleLine(at, client=client, request="GET /api/positions", status=401)


def _worker() -> Iterator[str]:
    """A log of a shape that no format knows, beside lines that are understood."""
    for day in range(20):
        at = midnight("2026-09-01") + timedelta(days=day)
        yield f"{at:%Y-%m-%d %H:%M:%S},000 - worker.queue - INFO - took {day + 3} jobs\n"
        yield f"~~ {at:%d.%m.%y} queue drained; {day} left\n" if day % 3 == 0 else ""


def _request(line: SampleLine) -> str:
    reason = REASONS[line.status]
    return f'INFO:     {line.client}:52341 - "{line.request} HTTP/1.1" {line.status} {reason}'


def _uvicorn(line: SampleLine) -> str:
    """Requests as uvicorn writes them, without a time; messages as the application does."""
    if line.request:
        return _request(line) + "\n"
    if line.logger.startswith("uvicorn"):
        return f"{line.level}:    {line.text}\n"
    return (
        f"{line.at:%Y-%m-%d %H:%M:%S},{line.at.minute * 16:03} - {line.logger} - {line.level} - {line.text}\n"
    )


def _exported(line: SampleLine) -> str:
    """A line of the platform's export: a time in front of what the process wrote."""
    stamp = f"{line.at:%Y-%m-%dT%H:%M:%S}.{line.at.minute:06}Z "
    return stamp + (_request(line) if line.request else f"{line.level}:     {line.text}") + "\n"


def _json(line: SampleLine) -> str:
    """A structured line of the edge."""
    method, _, path = line.request.partition(" ")
    fields: dict[str, object] = {"timestamp": f"{line.at:%Y-%m-%dT%H:%M:%S}Z", "level": line.level.lower()}
    if line.request:
        fields |= {
            "event": "request",
            "status": line.status,
            "client": line.client,
            "method": method,
            "path": path,
        }
    else:
        fields |= {"message": line.text}
    return json.dumps(fields, ensure_ascii=False) + "\n"
