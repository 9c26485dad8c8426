"""The sample's logs: a quarter of traffic in three formats, with an attack, an outage and two leaks in it."""

import json
import random
import struct
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from zlib import crc32

from audit_lib.sample.story import HeldVariable, midnight

QUIET_DAYS = {"2026-08-12", "2026-08-13", "2026-08-14"}  # no log was kept
ROUTES = ("/api/positions", "/api/market/indices", "/api/orders?limit=20", "/api/health", "/api/user/profile")
CLIENTS = ("192.0.2.44", "192.0.2.51", "198.51.100.23", "127.0.0.1")
ATTACKER, SCANNER = "203.0.113.45", "198.51.100.200"
LOGIN = "POST /api/auth/login"
REASONS = {200: "OK", 401: "Unauthorized", 404: "Not Found", 429: "Too Many Requests", 500: "Server Error"}
MONTHS = {7: "backend/logs/backend.log.2.gz", 8: "backend/logs/backend.log.1", 9: "backend/logs/backend.log"}
REFUSED = 'connection to server at "10.0.0.5", port 5432 failed: Connection refused'

Line = tuple[datetime, str]
Request = Callable[
    [datetime, str, str, int], Line
]  # of an instant, a client, a method with its path, a status


def log_files(held: Iterable[HeldVariable]) -> dict[str, bytes]:
    """Each log file's bytes: uvicorn and application lines, rotated and packed; an export; JSON lines.

    By path within the project; times, addresses and values are fixed, so the bytes are the same everywhere.
    Two lines show development's JWT_SECRET_KEY and API_TOKEN in clear: `KeyError` if `held` lacks either.
    """
    own = {one.name: one.at(midnight("2026-07-06")) for one in held if one.environment == "development"}
    shown, in_query = (value.text if (value := own[name]) else "" for name in ("JWT_SECRET_KEY", "API_TOKEN"))
    backend = [
        *_traffic(_uvicorn, "backend", "2026-07-01", 90),
        *_bad_start(shown),
        *_database(),
        *_wrong_passwords(),
    ]
    at = midnight("2026-07-21") + timedelta(hours=11)
    backend.append(_uvicorn(at, CLIENTS[2], f"GET /api/stream?token={in_query}", 200))
    edge = [*_traffic(_json, "edge", "2026-08-20", 40), *_attack(), *_scan(), *_outage()]
    files = {
        name: _text(line for line in backend if line[0].month == month) for month, name in MONTHS.items()
    }
    files[MONTHS[7]] = packed(files[MONTHS[7]])
    return {
        **files,
        "logs/platform-export.log": _text([*_traffic(_exported, "staging", "2026-09-01", 28), *_tokens()]),
        "logs/edge.jsonl": _text(edge),
        "logs/worker.log": _text(_worker()),
    }


def _text(lines: Iterable[Line]) -> bytes:
    return "".join(f"{text}\n" for _, text in sorted(lines, key=lambda line: line[0])).encode()


def packed(content: bytes) -> bytes:
    """The content as a gzip file (RFC 1952) of stored blocks: zlib's output differs between its versions."""
    size, parts = 0xFFFF, [b"\x1f\x8b\x08\x00" + bytes(4) + b"\x00\xff"]
    for start in range(0, max(len(content), 1), size):
        part = content[start : start + size]
        parts.append(struct.pack("<BHH", start + size >= len(content), len(part), len(part) ^ size) + part)
    return b"".join(parts) + struct.pack("<II", crc32(content), len(content) % 2**32)


# ---- How servers write ----


def _uvicorn(at: datetime, client: str, request: str, status: int) -> Line:
    return at, f'INFO:     {client}:52341 - "{request} HTTP/1.1" {status} {REASONS[status]}'


def _exported(at: datetime, client: str, request: str, status: int) -> Line:
    """A line of the platform's export: a time in front of what the process wrote."""
    return at, f"{at:%Y-%m-%dT%H:%M:%S}.000000Z {_uvicorn(at, client, request, status)[1]}"


def _json(at: datetime, client: str, request: str, status: int) -> Line:
    method, _, path = request.partition(" ")
    line = {"timestamp": f"{at:%Y-%m-%dT%H:%M:%S}Z", "level": "info", "event": "request", "status": status}
    return at, json.dumps({**line, "client": client, "method": method, "path": path})


def _said(at: datetime, text: str, logger: str = "app.main", level: str = "INFO") -> Line:
    return at, f"{at:%Y-%m-%d %H:%M:%S},{at.minute * 16:03} - {logger} - {level} - {text}"


# ---- What happened ----


def _traffic(write: Request, seed: str, first: str, days: int) -> Iterator[Line]:
    """Some requests a day, nearly all answered 200, and between them the application's own words."""
    chance = random.Random(f"sample {seed}")  # noqa: S311  the same traffic each time
    for day in range(days):
        start = midnight(first) + timedelta(days=day)
        if str(start.date()) in QUIET_DAYS:
            continue
        if write is _uvicorn:
            yield _said(start + timedelta(hours=6), "✅ All required secrets validated successfully")
        for _ in range(chance.randint(4, 9)):
            at = start + timedelta(seconds=chance.randrange(6 * 3600, 22 * 3600))
            status = 401 if chance.random() < 0.04 else 200
            yield write(at, chance.choice(CLIENTS), f"GET {chance.choice(ROUTES)}", status)


def _each(
    write: Request, day: str, hours: float, pause: float, asks: Sequence[tuple[str, str, int]]
) -> Iterator[Line]:
    """A request after each pause (in seconds), from a time of day on."""
    start = midnight(day) + timedelta(hours=hours)
    return (
        write(start + timedelta(seconds=number * pause), client, request, status)
        for number, (client, request, status) in enumerate(asks)
    )


def _attack() -> Iterator[Line]:
    """Forty wrong passwords within ten minutes, then the right one, and what it was good for: the attack that
    the sample's review puts first."""
    yield from _each(_json, "2026-08-20", 3, 15, [(ATTACKER, LOGIN, 401)] * 40)
    answered = [(ATTACKER, LOGIN, 200), *((ATTACKER, f"GET {route}", 200) for route in ROUTES[:3])]
    yield from _each(_json, "2026-08-20", 3.2, 20, answered)


def _wrong_passwords() -> Iterator[Line]:
    """The same in the application's words, which name no address."""
    people = ("mia@example.com", "noah@example.com", "zoe@example.com")
    for number in range(40):
        at = midnight("2026-08-20") + timedelta(hours=3, seconds=15 * number)
        yield _said(at, f"⚠️ Failed login attempt for: {people[number % 3]}", "app.routers.auth", "WARNING")


def _tokens() -> Iterator[Line]:
    return _each(_exported, "2026-09-09", 2, 60, [(SCANNER, "GET /api/positions", 401)] * 60)


def _scan() -> Iterator[Line]:
    """The scanner again: a burst that was answered 429, and files that nobody has to see, of which none was
    answered."""
    yield from _each(_json, "2026-09-09", 4, 5, [(SCANNER, "GET /api/market/indices", 429)] * 12)
    files = ("/.env", "/.git/config", "/backend/.env", "/wp-login.php", "/.aws/credentials")
    yield from _each(_json, "2026-09-15", 1, 7, [(SCANNER, f"GET {path}", 404) for path in files])


def _outage() -> Iterator[Line]:
    """A deploy with the wrong token: for a quarter of an hour every client is refused, which is an outage and
    no attack."""
    asks = [(client, "GET /api/positions", 401) for _ in range(15) for client in CLIENTS[:3]]
    return _each(_json, "2026-09-24", 10, 20, asks)


def _bad_start(value: str) -> Iterator[Line]:
    """A start that its own validation stopped; the last message shows the value that it refuses."""
    at = midnight("2026-07-06") + timedelta(hours=7)
    yield _said(at, "   ❌ TRADIER_ACCOUNT_ID (REQUIRED)", "app.core.config", "ERROR")
    error = "pydantic_core._pydantic_core.ValidationError: 1 validation error for Settings\nJWT_SECRET_KEY\n"
    error += "  String should have at least 32 characters [type=string_too_short, "
    yield _said(at + timedelta(seconds=5), f"{error}input_value='{value}', input_type=str]", level="ERROR")


def _database() -> Iterator[Line]:
    """A failure of the database in operation, told in several lines."""
    at = midnight("2026-09-22") + timedelta(hours=10)
    yield _uvicorn(at, CLIENTS[0], "GET /api/positions", 500)
    text = f"[DB] Connection or initialization failed: (psycopg2.OperationalError) {REFUSED}\n"
    text += "\tIs the server running on that host and accepting TCP/IP connections?"
    yield _said(at + timedelta(seconds=1), text, level="ERROR")


def _worker() -> Iterator[Line]:
    """Lines of a shape that no format knows, beside lines that are understood."""
    for day in range(20):
        at = midnight("2026-09-01") + timedelta(days=day)
        yield _said(at, f"took {day + 3} jobs", "worker.queue")
        if day % 3 == 0:
            yield at, f"~~ {at:%d.%m.%y} queue drained; {day} left"
