"""The story that the sample tells, as data: what each place held, and when.

A company of six. The token of the API was rotated by half, the session key is in a script in git and in two
environments, a breach of Alpaca was read about and not acted upon, somebody guessed a password on 20 August,
and a deploy on 24 September had the wrong token. Who recorded and decided what is in the CSV files beside it.
"""

import string
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import shake_256

START = "2026-01-05"
AS_OF = datetime(2026, 9, 30, 23, 59, 59, tzinfo=UTC)
FILES = {
    ("production", "backend"): "deploy/backend.production.json",
    ("production", "frontend"): "deploy/frontend.production.env",
    ("staging", "backend"): "deploy/backend.staging.env",
    ("development", "backend"): "backend/.env",
}
# Since when snapshots cover a place: monthly at first, each week in the quarter.
WATCHED = {
    ("production", "backend"): "2026-03-02",
    ("production", "frontend"): "2026-03-02",
    ("development", "backend"): "2026-08-31",
    ("staging", "backend"): "2026-09-07",
}
MONTHLY = ("2026-03-02", "2026-04-06", "2026-05-04", "2026-06-01")
FIRST_WEEK, WEEKS = "2026-06-29", 14
IDENTIFIERS = ("TRADIER_ACCOUNT_ID", "NEXT_PUBLIC_BACKEND_API_BASE_URL", "STRICT_SECRET_VALIDATION")
# Values are made at run time from a seed: the repository holds none that looks like a key.
ALPHANUMERIC = string.ascii_letters + string.digits
URL_SAFE = ALPHANUMERIC + "-_"
UPPER = string.ascii_uppercase + string.digits
HEX = "0123456789abcdef"


@dataclass(frozen=True)
class SampleValue:
    """What stands in an env file, and the part of it that is the secret."""

    text: str
    secret: str


def drawn(seed: str, length: int, alphabet: str = URL_SAFE) -> str:
    """A text of an alphabet that looks random; the same seed gives the same one everywhere.

    A sign that the alphabet has first is a little likelier: for a sample that is random enough.
    """
    numbers = shake_256(f"audit_lib sample: {seed}".encode()).digest(2 * length)
    pairs = zip(numbers[::2], numbers[1::2], strict=True)
    return "".join(alphabet[(256 * high + low) % len(alphabet)] for high, low in pairs)


def plain(text: str) -> SampleValue:
    """A value that is a secret as a whole."""
    return SampleValue(text, text)


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


def snapshot_instants() -> tuple[datetime, ...]:
    """Instants of the snapshots, each at 06:00 UTC, the earliest first.

    The days of `MONTHLY`, then each seventh day from `FIRST_WEEK` on, `WEEKS` in all.
    """
    weekly = [midnight(FIRST_WEEK) + timedelta(weeks=week) for week in range(WEEKS)]
    return tuple(at + timedelta(hours=6) for at in (*map(midnight, MONTHLY), *weekly))


def _database(environment: str, number: int) -> SampleValue:
    password = drawn(f"{environment} database {number}", 32)
    front, back = f"postgresql://app_{environment}:", f"@{environment}.db.internal:5432/app"
    return SampleValue(f"{front}{password}{back}", password)


def _token(seed: str, length: int = 43) -> SampleValue:
    return plain(drawn(seed, length))


def _key(seed: str, length: int = 28) -> SampleValue:
    return plain(drawn(seed, length, ALPHANUMERIC))


def _hook(seed: str) -> SampleValue:
    return plain(drawn(f"{seed} hook", 64, HEX))


def _anthropic(seed: str) -> SampleValue:
    return plain("sk-ant-" + "api03-" + drawn(seed, 93) + "AA")


def _alpaca(seed: str) -> tuple[SampleValue, SampleValue]:
    return plain("PK" + drawn(f"{seed} key", 18, UPPER)), _key(f"{seed} secret", 40)


def _held(environment: str, service: str, **given: SampleValue | list[object]) -> Iterator[HeldVariable]:
    """A value alone holds since the start; a list alternates days and values."""
    for name, value in given.items():
        steps = value if isinstance(value, list) else [START, value]
        pairs = tuple(zip(steps[::2], steps[1::2], strict=True))
        yield HeldVariable(environment, service, name, pairs)  # type: ignore[arg-type]


def timeline() -> tuple[HeldVariable, ...]:
    """Every variable of the sample, in the order of its files.

    Halves of a pair have a row each; what a story rotates has several values, each from a day on.
    """
    old_key, old_secret = _alpaca("production alpaca 1")
    new_key, new_secret = _alpaca("production alpaca 2")
    staging_key, staging_secret = _alpaca("staging alpaca")
    development_key, development_secret = _alpaca("development alpaca")
    session_key, shown = _token("jwt 2"), _anthropic("anthropic 2")
    return (
        *_held(
            "production",
            "backend",
            # Rotated with the snapshots watching: due soon. The frontend was forgotten.
            API_TOKEN=[START, _token("production api 1"), "2026-07-15", _token("production api 2")],
            TRADIER_API_KEY=_key("production tradier"),  # never rotated: overdue
            TRADIER_ACCOUNT_ID=plain("VA" + drawn("account", 8, "0123456789")),  # no secret: no limit
            # Both rotated in July, a month before the provider reported a breach.
            ALPACA_PAPER_API_KEY=[START, old_key, "2026-07-20", new_key],
            ALPACA_PAPER_SECRET_KEY=[START, old_secret, "2026-07-20", new_secret],
            # Recorded in May; changed again in August, and nobody recorded that.
            DATABASE_URL=[
                *(START, _database("production", 1), "2026-05-18", _database("production", 2)),
                *("2026-08-13", _database("production", 3)),
            ],
            JWT_SECRET_KEY=[START, _token("jwt 1"), "2026-04-20", session_key],  # overdue, and leaked
            # A rotation was recorded on 3 August: the value did not change.
            ANTHROPIC_API_KEY=[START, _anthropic("anthropic 1"), "2026-07-08", shown],
            GITHUB_WEBHOOK_SECRET=[START, None, "2026-07-02", _hook("production")],
            STRICT_SECRET_VALIDATION=plain("true"),
            BILLING_API_SECRET=[START, None, "2026-08-24", _token("billing")],  # in no policy
        ),
        *_held(
            "production",
            "frontend",
            NEXT_PUBLIC_API_TOKEN=_token("production api 1"),  # not rotated with the backend's
            NEXT_PUBLIC_BACKEND_API_BASE_URL=plain("https://paiid-backend.onrender.com"),
            NEXT_PUBLIC_ANTHROPIC_API_KEY=[START, None, "2026-07-08", shown],  # every browser gets it
        ),
        *_held(
            "staging",
            "backend",
            API_TOKEN=plain("please-change-me-before-use"),
            TRADIER_API_KEY=_key("staging tradier"),  # its account is missing
            ALPACA_PAPER_API_KEY=staging_key,
            ALPACA_PAPER_SECRET_KEY=staging_secret,
            DATABASE_URL=_database("staging", 1),
            JWT_SECRET_KEY=[START, _token("staging jwt"), "2026-06-15", session_key],  # production has it
            ANTHROPIC_API_KEY=_anthropic("staging anthropic"),
            GITHUB_WEBHOOK_SECRET=_hook("staging"),
        ),
        *_held(
            "development",
            "backend",
            # These two were committed in February, and changed in March.
            API_TOKEN=[START, _token("development api 1"), "2026-03-01", _token("development api 2")],
            # Too short; changed when it was seen in a log.
            JWT_SECRET_KEY=[
                *(START, _token("development jwt 1", 26), "2026-03-01", _token("development jwt 2", 26)),
                *("2026-09-10", _token("development jwt 3", 26)),
            ],
            TRADIER_API_KEY=["2026-03-01", _key("development tradier")],
            TRADIER_ACCOUNT_ID=["2026-03-01", plain("VA" + drawn("account", 8, "0123456789"))],
            ALPACA_PAPER_API_KEY=["2026-03-01", development_key],
            ALPACA_PAPER_SECRET_KEY=["2026-03-01", development_secret],
            DATABASE_URL=["2026-03-01", _database("development", 1)],
            ANTHROPIC_API_KEY=["2026-03-01", _anthropic("development anthropic")],
            GITHUB_WEBHOOK_SECRET=["2026-03-01", _hook("development")],
        ),
    )


# The review of the second quarter, as it was signed: by the settings of today but for one log.
SIGNED = {"as_of": "2026-06-30T23:59:59Z", "at": "2026-07-09T10:00:00+00:00", "by": "Bo B."}
DROPPED = ("declared", "service = backend", "environment = production", "instances = 1")
