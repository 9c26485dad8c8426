"""A project that keeps every rule of the guide, as far as evidence can show it."""

import os
import string
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path

import pandas as pd

from audit_lib.base.clock import iso
from audit_lib.base.frames import rows
from audit_lib.ledger import Draft, all_heads, append
from audit_lib.ledger.keys import demo_key
from audit_lib.sample.repository import Commit, write_repository
from audit_lib.secrecy.keeper import Keeper
from audit_lib.secrets.drift import compare_places
from audit_lib.secrets.inventory import tabulate_inventory
from audit_lib.secrets.snapshot import snapshot_draft
from audit_lib.secrets.sources import read_env_sources
from audit_lib.settings import GivenValues, bundled_policy, choose_policy, load_project
from audit_lib.settings.dump import dump
from audit_lib.settings.load import remember_sample
from tests.support.fakes import fake_value
from tests.support.one_file import one_file
from tests.support.worst_project import AS_OF, QUESTIONS

BEFORE = datetime(2026, 9, 19, 6, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
ROTATED = datetime(2026, 9, 20, 6, tzinfo=UTC)
PLACES = tuple(
    (environment, service)
    for environment in ("development", "staging", "production")
    for service in ("backend", "frontend")
)
FILES = {"backend": "backend/.env", "frontend": "frontend/.env.local"}
LETTERS = string.ascii_letters + string.digits
UPPER = string.ascii_uppercase + string.digits
BASE = {
    "development": "http://127.0.0.1:8001",
    "staging": "https://staging.example.com",
    "production": "https://paiid-backend.onrender.com",
}
GUIDE = """# Secrets

- **Version:** 3
- **Last updated:** 2026-09-01
- **Owner:** Ada Ader <ada@example.com>
- **Last review:** 2026-09-01
- **Next review:** 2026-11-30 (90 days)

## Contents

- [What there is](#what-there-is)

## What there is

Each variable is in the policy, with its owner, purpose, reach and period.
"""
# The guide gives these no period: their owner does.
PERIODS = {"REDIS_URL": "max_age_days = 90\n", "SENTRY_DSN": "max_age_days = 90\n"}
AUDIT = """name = "clean"
guide = "docs/SECRETS.md"
key = "demo"
time_zone = "UTC"
pinned_as_of = "2026-09-30"

[[env]]
path = "backend/.env"
environment = "development"
service = "backend"

[[env]]
path = "frontend/.env.local"
environment = "development"
service = "frontend"

[[env]]
path = "backend/.env.example"
service = "backend"
example = true

[[env]]
path = "frontend/.env.local.example"
service = "frontend"
example = true

[[log]]
pattern = "backend/logs/*.log"
service = "backend"
environment = "production"
instances = 1
"""


def _values(environment: str, service: str, at: datetime) -> dict[str, str]:
    """What a place holds: other values before the rotation, and in each environment its own."""
    seed = f"{environment} {at >= ROTATED}"
    password = fake_value(f"db {seed}", 28, LETTERS) + "aA1-"
    cache, token = fake_value(f"redis {seed}", 40, LETTERS), fake_value(f"api {seed}")
    if service == "frontend":
        return {
            "NEXT_PUBLIC_API_TOKEN": token,
            "NEXT_PUBLIC_BACKEND_API_BASE_URL": BASE[environment],
        }
    return {
        "API_TOKEN": token,
        "TRADIER_API_KEY": fake_value(f"tradier {seed}", 28, LETTERS),
        "TRADIER_ACCOUNT_ID": "VA" + fake_value(f"account {environment}", 8, string.digits),
        "ALPACA_PAPER_API_KEY": "PK" + fake_value(f"alpaca {seed}", 18, UPPER),
        "ALPACA_PAPER_SECRET_KEY": fake_value(f"alpaca secret {seed}", 40, LETTERS),
        "DATABASE_URL": f"postgresql://app_{environment}:{password}@{environment}.db.internal:5432/app",
        "JWT_SECRET_KEY": fake_value(f"jwt {seed}"),
        "ANTHROPIC_API_KEY": "sk-ant-" + "api03-" + fake_value(f"anthropic {seed}", 93) + "AA",
        "GITHUB_WEBHOOK_SECRET": fake_value(f"webhook {seed}", 64, "0123456789abcdef"),
        "REDIS_URL": f"rediss://:{cache}@{environment}.cache.internal:6379/0",
        "SENTRY_DSN": f"https://{fake_value(f'sentry {seed}', 32, '0123456789abcdef')}@errors.internal/12",
        "STRICT_SECRET_VALIDATION": "true",
    }


def write_clean(folder: Path) -> tuple[Path, tuple[GivenValues, ...]]:
    """The folder, and the values that its reviewer gives: only development has its own in files."""
    kept = {**_committed(), "audit.toml": one_file(AUDIT, _policy())}
    logs = {"backend/logs/app.log": _log()}
    for path, text in {**kept, **logs}.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text)
    commit = Commit(BEFORE, "Begin", {path: text.encode() for path, text in kept.items()})
    write_repository(folder, [commit])
    remember_sample(folder)
    keeper = Keeper(demo_key())
    _see(folder, keeper, BEFORE)
    rotated = _see(folder, keeper, ROTATED)
    _record(folder, keeper, rotated)
    return folder, _given(ROTATED)


def _given(at: datetime) -> tuple[GivenValues, ...]:
    return tuple(
        GivenValues(environment, service, "-", _text(environment, service, at).encode())
        for environment, service in PLACES
        if environment != "development"
    )


def _text(environment: str, service: str, at: datetime) -> str:
    return "".join(f"{name}={value}\n" for name, value in _values(environment, service, at).items())


def _committed() -> dict[str, str]:
    """What stands in the repository: code, guide, examples and what git ignores."""
    names = {service: list(_values("production", service, ROTATED)) for service in FILES}
    reads = "".join(f'{name} = os.environ["{name}"]\n' for name in names["backend"])
    public = "".join(f"export const {name} = process.env.{name};\n" for name in names["frontend"])
    examples = {
        f"{path}.example": "".join(f"{name}=\n" for name in names[service]) for service, path in FILES.items()
    }
    return {
        ".gitignore": ".env*\n!*.example\n*.env\n*.log\n.audit/\n",
        "backend/app.py": f"import os\n\n{reads}",
        "frontend/api.ts": public,
        "docs/SECRETS.md": GUIDE,
        **examples,
    }


def _policy() -> str:
    """The guide's policy, with what its owner adds: whose each secret is, and the guide that is in force."""
    policy = bundled_policy("paiid")
    digest = sha256(GUIDE.encode()).hexdigest()
    return f'extends = "paiid"\nguide_sha256 = "{digest}"\n' + "".join(
        f'\n[[secret]]\nname = "{rule.name}"\nowner = "Ada Ader"\nreviewed = "2026-09-01"\n'
        f'purpose = "As the guide says"\nreach = "The application alone"\nreason = "Kept short"\n'
        + PERIODS.get(rule.name, "")
        for rule in policy.secrets
        if rule.kind == "secret"
    )


def _log() -> str:
    """A request in each hour of the quarter, one refused a week, and the lines of a start."""
    lines = []
    at = datetime(2026, 7, 1, tzinfo=UTC)
    while at < AS_OF:
        lines.append((at, '192.0.2.44:1 - "GET /api/positions HTTP/1.1" 200 OK'))
        if at.weekday() == 1 and at.hour == 9:
            lines.append((at + MINUTE, '192.0.2.44:1 - "GET /api/positions HTTP/1.1" 401 Unauthorized'))
        at += timedelta(hours=1)
    return "".join(f"{iso(at)} INFO:     {text}\n" for at, text in lines)


def _see(folder: Path, keeper: Keeper, at: datetime) -> pd.DataFrame:
    """The inventory at an instant, which a snapshot records."""
    for service, path in FILES.items():
        (folder / path).write_text(_text("development", service, at))
        (folder / path).chmod(0o600)
        os.utime(folder / path, (at.timestamp(), at.timestamp()))
    project = load_project(folder)
    policy = choose_policy(project)
    sources, entries = read_env_sources(project, _given(at), keeper, policy)
    inventory = tabulate_inventory(entries, policy, project, keeper, sources)
    draft = snapshot_draft(inventory, sources, compare_places(inventory, entries, policy, keeper))
    append(folder / ".audit" / "ledger", keeper.key, draft, at + MINUTE, "weekly")
    return inventory


def _record(folder: Path, keeper: Keeper, inventory: pd.DataFrame) -> None:
    """Each rotation, an answer to each question, and the sign-off of the quarter before."""
    ledger, until = folder / ".audit" / "ledger", iso(AS_OF + timedelta(days=60))
    for row in rows(inventory[inventory["kind"].eq("secret") & inventory["state"].eq("present")]):
        place = {
            name: getattr(row, name) for name in ("secret", "environment", "service", "source", "loader")
        }
        said = {"claimed_at": iso(ROTATED), "day_only": False, "by": "Ada Ader", "reason": "planned"}
        body = {**place, **said, "fingerprint": row.fingerprint}
        append(ledger, keeper.key, Draft("rotation", body), ROTATED + 2 * MINUTE, "ada")
    for number in QUESTIONS:
        body = {"rule": str(number), "by": "Ada Ader", "reason": "looked", "until": until}
        append(ledger, keeper.key, Draft("attestation", body), ROTATED + 3 * MINUTE, "ada")
    project = load_project(folder)
    policy = choose_policy(project)
    body = {
        "manifest_sha256": sha256(b"the review before").hexdigest(),
        "by": "Bo B.",
        "heads": all_heads(ledger),
        "as_of": "2026-06-30T23:59:59Z",
        "in_force": list(dump(policy, project)),
    }
    append(ledger, keeper.key, Draft("signoff", body), ROTATED + 4 * MINUTE, "bo")
