"""Writes logs for measuring: all formats (docs/log_formats.md#what-is-read) in one file, from a seed."""

import json
import random
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

START = datetime(2026, 7, 1, tzinfo=UTC)
ROUTES = [
    "/api/positions",
    "/api/auth/me",
    "/api/health",
    "/api/orders/{}",
    "/api/market/quote",
    "/api/settings",
]
MESSAGES = [
    "Trading scheduler started",
    "Tradier client initialized and registered as available",
    "Refreshed 14 symbols in 0.31s from the cache",
    "Schedules restored from storage",
    'HTTP Request: GET http://127.0.0.1:9009/v1/user/profile "HTTP/1.1 200 OK"',
]
FAILURES = ["⚠️ Failed login attempt for: user{}@example.com", "JWT auth failed: User not found | user_id={}"]
WORDS = ["positions", "orders", "health", "quotes", "login", "token", "users", "portfolio"]
WORDS += ["signals", "trades", "keys", "ohlc", "docs", "me"]
TEXTS = ["cache hit for {}", "user context loaded for {}", "JWT decode error: Signature has expired ({})"]
PRINTS = [
    "[OK] Cache service initialized",
    "===========================",
    "Traceback (most recent call last):",
    '  File "/srv/app/backend/app/main.py", line 419, in startup_event',
    "    raise RuntimeError(",
    "",
    "News aggregator failed to initialize",
]


class _Lines:
    """Lines of a mixed log; time goes on by less than `step` milliseconds a line."""

    def __init__(self, seed: int, step: int = 200) -> None:
        self.random, self.step = random.Random(seed), step
        self.now = START
        self.shares: dict[Callable[[], str], float] = {
            self.uvicorn: 0.20,
            self.stamped: 0.15,
            self.application: 0.30,
            self.structured: 0.07,
            self.exported: 0.08,
            self.combined: 0.15,
            self.printed: 0.05,
        }

    def stamped(self) -> str:
        return f"{self.iso()} {self.uvicorn()}"

    def printed(self) -> str:
        return self.random.choice(PRINTS)

    def line(self) -> str:
        """The next line, in a format by chance."""
        self.now += timedelta(milliseconds=self.random.randrange(self.step))
        (write,) = self.random.choices([*self.shares], [*self.shares.values()])
        return write()

    def iso(self) -> str:
        return self.now.strftime("%Y-%m-%dT%H:%M:%S.%fZ")

    def client(self) -> str:
        return f"203.0.113.{self.random.randrange(200)}"

    def status(self) -> tuple[int, str]:
        roll = self.random.random()
        return (401, "Unauthorized") if roll < 0.02 else (404, "Not Found") if roll < 0.05 else (200, "OK")

    def route(self) -> str:
        path = self.random.choice(ROUTES).format(self.random.randrange(10_000))
        return path + ("?limit=50&page=2" if self.random.random() < 0.2 else "")

    def uvicorn(self) -> str:
        status, reason = self.status()
        port = self.random.randrange(30_000, 60_000)
        return f'INFO:     {self.client()}:{port} - "GET {self.route()} HTTP/1.1" {status} {reason}'

    def application(self) -> str:
        text = self.random.choice(MESSAGES)
        if self.random.random() < 0.02:
            text = self.random.choice(FAILURES).format(self.random.randrange(500))
        stamp = self.now.strftime("%Y-%m-%d %H:%M:%S,%f")[:-3]
        return f"{stamp} - app.services.tradier_stream - INFO - {text}"

    def structured(self) -> str:
        fields = {"timestamp": self.iso(), "level": "info", "event": "request", "status": self.status()[0]}
        return json.dumps(fields | {"client": self.client(), "method": "GET", "path": self.route()})

    def exported(self) -> str:
        labels = {"instance": f"srv-{self.random.randrange(2)}", "level": "info", "type": "app"}
        return json.dumps({"timestamp": self.iso(), "message": self.uvicorn(), "labels": labels})

    def combined(self) -> str:
        stamp = self.now.strftime("%d/%b/%Y:%H:%M:%S +0000")
        size = self.random.randrange(5000)
        request = f'"GET {self.route()} HTTP/1.1" {self.status()[0]} {size}'
        return f'{self.client()} - - [{stamp}] {request} "-" "curl/8.5"'


class _BusyLines(_Lines):
    """The same of a busier application: 2,000 clients, 14 routes, many with a query of its own."""

    def client(self) -> str:
        number = self.random.randrange(2000)
        return f"10.{number % 7}.{number // 7 % 20}.{number // 140}"

    def route(self) -> str:
        path = f"/api/{self.random.choice(WORDS)}"
        return path + (
            f"?symbol=AAPL&id={self.random.randrange(10**6)}" if self.random.random() < 0.25 else ""
        )

    def application(self) -> str:
        stamp = self.now.strftime("%Y-%m-%d %H:%M:%S,%f")[:-3]
        text = self.random.choice(TEXTS).format(self.route())
        return f"{stamp} - app.services.data - INFO - {text} id={self.random.randrange(10**6)}"


def mixed_text(count: int, step: int, seed: int = 1) -> str:
    """So many lines of a mixed log, less than `step` milliseconds apart, from the start on."""
    lines = _Lines(seed, step)
    return "".join(f"{lines.line()}\n" for _ in range(count))


def write_mixed(path: Path, size: int, seed: int = 1) -> None:
    """A mixed log of about `size` bytes: one seeded block of 16 MB, again and again with another day."""
    _write_days(path, size, _Lines(seed), 90)


def write_busy(path: Path, size: int, seed: int = 5) -> None:
    """The same of 2,000 clients and 14 routes, many with a query of its own, over twelve days."""
    _write_days(path, size, _BusyLines(seed), 12)


def busy_text(kind: str, count: int, seed: int = 5) -> str:
    """So many lines of one kind of a busy log, or of every kind by chance ("line")."""
    write = getattr(_BusyLines(seed), kind)
    return "".join(f"{write()}\n" for _ in range(count))


def _write_days(path: Path, size: int, lines: _Lines, days: int) -> None:
    block: list[str] = []
    length = 0
    while length < min(size, 16 << 20):
        block.append(lines.line())
        length += len(block[-1].encode()) + 1
    text = ("\n".join(block) + "\n").encode()
    with path.open("wb") as file:
        for number in range(max(1, size // len(text))):
            day = (START + timedelta(days=number % days)).date()
            file.write(text.replace(b"2026-07-01", day.isoformat().encode()))


def write_combined(path: Path, size: int, seed: int = 1) -> None:
    """A log of about `size` bytes in the combined format alone."""
    lines = _Lines(seed)
    text = "".join(f"{lines.combined()}\n" for _ in range(100_000)).encode()
    with path.open("wb") as file:
        for _ in range(max(1, size // len(text))):
            file.write(text)
