"""What each place of the sample holds, and when it came to hold it: the truth behind the ledger and git."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

from audit_lib.sample.values import (
    HEX,
    UPPER,
    SampleValue,
    alphanumeric,
    drawn,
    hexadecimal,
    plain,
    prefixed,
    token,
    url,
)

START = "2026-01-05"
PUBLISHED = token("published")  # the sample's policy lists its digest as compromised
HOST = "db.internal"  # staging and production share a server
FILES = {
    ("development", "backend"): "backend/.env",
    ("development", "frontend"): "frontend/.env.local",
    ("staging", "backend"): "deploy/backend.staging.env",
    ("staging", "frontend"): "deploy/frontend.staging.env",
    ("production", "backend"): "deploy/backend.production.json",
    ("production", "frontend"): "deploy/frontend.production.env",
}


@dataclass(frozen=True)
class HeldVariable:
    """A variable of one place with its values, each from a day on; None: the variable is not there."""

    environment: str
    service: str
    name: str
    steps: tuple[tuple[str, SampleValue | None], ...]

    @property
    def source(self) -> str:
        """The file that holds it."""
        return FILES[self.environment, self.service]

    def at(self, instant: datetime) -> SampleValue | None:
        """The value in force at an instant."""
        values = [value for day, value in self.steps if midnight(day) <= instant]
        return values[-1] if values else None


def midnight(day: str) -> datetime:
    """The first instant of a day, UTC."""
    return datetime.fromisoformat(day).replace(tzinfo=UTC)


def timeline() -> tuple[HeldVariable, ...]:
    """Every variable of the sample, in the order of its files. Each line plants what its place shows."""
    return (*_production(), *_staging(), *_development())


def _database(environment: str, password: str) -> SampleValue:
    back = f"@{HOST}:5432/app_{environment}"
    return url(f"postgresql://app_{environment}:", password, back)


def _anthropic(seed: str) -> SampleValue:
    return prefixed("sk-ant-" + "api03-", seed, 93, "AA")


def _held(
    environment: str, service: str, **variables: SampleValue | list[object] | None
) -> Iterator[HeldVariable]:
    """A value alone holds since the start; a list alternates days and values."""
    for name, given in variables.items():
        steps = given if isinstance(given, list) else [START, given]
        pairs = tuple(zip(steps[::2], steps[1::2], strict=True))
        yield HeldVariable(environment, service, name, pairs)  # type: ignore[arg-type]


def _production() -> Iterator[HeldVariable]:
    redis = [url("redis://:", drawn(f"production redis {n}", 40), "@cache.internal:6379/0") for n in (1, 2)]
    shared = _anthropic("anthropic 2")
    yield from _held(
        "production",
        "backend",
        # Rotated with the weekly snapshots watching: due; the frontend was forgotten.
        API_TOKEN=[START, token("production api 1"), "2026-07-15", token("production api 2")],
        TRADIER_API_KEY=alphanumeric("production tradier", 28),  # never rotated: overdue
        TRADIER_ACCOUNT_ID=plain("VA" + drawn("account", 8, "0123456789")),  # no secret: exempt
        ALPACA_PAPER_API_KEY=[
            *(START, prefixed("PK", "production alpaca 1", 18, alphabet=UPPER)),
            *("2026-06-10", prefixed("PK", "production alpaca 2", 18, alphabet=UPPER)),
        ],
        ALPACA_PAPER_SECRET_KEY=[
            *(START, alphanumeric("production alpaca secret 1", 40)),
            *("2026-06-10", alphanumeric("production alpaca secret 2", 40)),
        ],
        # Recorded in May; changed again in August, and nobody recorded that.
        DATABASE_URL=[
            *(START, _database("production", drawn("production database 1", 32))),
            *("2026-05-18", _database("production", drawn("production database 2", 32))),
            *("2026-08-13", _database("production", drawn("production database 3", 32))),
        ],
        JWT_SECRET_KEY=[START, token("jwt 1"), "2026-04-20", token("jwt 2")],  # overdue; staging has it too
        # A rotation was recorded on 3 August: the value did not change.
        ANTHROPIC_API_KEY=[START, _anthropic("anthropic 1"), "2026-07-08", shared],
        GITHUB_WEBHOOK_SECRET=[START, None, "2026-07-02", hexadecimal("production webhook")],
        REDIS_URL=[START, redis[0], "2026-05-20", redis[1], "2026-07-01", redis[0]],  # rotated back
        SENTRY_DSN=plain(f"https://{drawn('sentry', 32, HEX)}@errors.internal/12"),
        BILLING_API_SECRET=token("billing"),  # the policy knows nothing of it
    )
    yield from _held(
        "production",
        "frontend",
        NEXT_PUBLIC_API_TOKEN=token("production api 1"),  # not rotated with the backend's
        NEXT_PUBLIC_BACKEND_API_BASE_URL=plain("https://paiid-backend.onrender.com"),
        # The file's last write is dated before the ledger saw this change: the two contradict each other.
        NEXT_PUBLIC_ANTHROPIC_API_KEY=[START, _anthropic("anthropic 0"), "2026-07-08", shared],
    )


def _staging() -> Iterator[HeldVariable]:
    yield from _held(
        "staging",
        "backend",
        API_TOKEN=plain("please-change-me-before-use"),
        TRADIER_API_KEY=alphanumeric("shared tradier", 28),  # development has it too
        ALPACA_PAPER_API_KEY=prefixed("AK", "staging alpaca", 18, alphabet=UPPER),  # a live key
        ALPACA_PAPER_SECRET_KEY=plain(drawn("staging alpaca secret", 38) + "=="),
        # One class of characters only.
        DATABASE_URL=_database("staging", drawn("staging database", 24, "abcdefghijklmnopqrstuvwxyz")),
        JWT_SECRET_KEY=[START, token("staging jwt 1"), "2026-06-15", token("jwt 2")],
        REDIS_URL=url("redis://:", drawn("staging redis", 12) + "@" + drawn("redis", 12), "@cache:6379/0"),
        REPORTS_TOKEN=alphanumeric("shared tradier", 28),  # one value under two names
    )


def _development() -> Iterator[HeldVariable]:
    yield from _held(
        "development",
        "backend",
        API_TOKEN=token("development api", 24),  # above the minimum, below what the generator gives
        TRADIER_API_KEY=alphanumeric("shared tradier", 28),
        TRADIER_ACCOUNT_ID=plain("VA" + drawn("account", 8, "0123456789")),
        ALPACA_PAPER_API_KEY=prefixed("PK", "development alpaca", 18, alphabet=UPPER),
        ALPACA_PAPER_SECRET_KEY=alphanumeric("development alpaca secret", 30),  # unusual length
        DATABASE_URL=url("postgresql://postgres:", "postgres", "@localhost:5432/app"),
        JWT_SECRET_KEY=[START, token("development jwt 1", 26), "2026-09-10", token("development jwt 2", 26)],
        ANTHROPIC_API_KEY=plain(""),
        GITHUB_WEBHOOK_SECRET=hexadecimal("example webhook"),  # the example file shows it
        REDIS_URL=url("redis://:", "0" * 32, "@localhost:6379/0"),  # long, and guessed at once
    )
    yield from _held(
        "development",
        "frontend",
        NEXT_PUBLIC_API_TOKEN=PUBLISHED,  # and so not the backend's
        NEXT_PUBLIC_BACKEND_API_BASE_URL=plain("https://paiid-backend.onrender.com"),  # production's
    )
