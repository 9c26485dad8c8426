"""A project that keeps every rule of the guide, as far as evidence can show it."""

import string
from datetime import UTC, datetime, timedelta
from pathlib import Path

from audit_lib.base.clock import iso
from audit_lib.findings.documents import document_sources
from audit_lib.findings.rules_in_force import rules_in_force
from audit_lib.ledger import Draft, Ledger, all_heads, append
from audit_lib.ledger.keys import demo_key
from audit_lib.project import GivenValues, load_project
from audit_lib.project.onboarding.choose_policy import choose_policy
from audit_lib.project.samples import remember_sample
from audit_lib.sample.repository import Commit, write_repository
from audit_lib.secrecy.keeper import Keeper
from tests.support.fakes import fake_value
from tests.support.worst_project import AS_OF, QUESTIONS

ROTATED = datetime(2026, 9, 20, 6, tzinfo=UTC)
PLACES = tuple(
    (environment, service)
    for environment in ("development", "staging", "production")
    for service in ("backend", "frontend")
)
FILES = {"backend": "backend/.env", "frontend": "frontend/.env.local"}
LETTERS = string.ascii_letters + string.digits
UPPER = string.ascii_uppercase + string.digits
NO_SECRET = ("TRADIER_ACCOUNT_ID", "NEXT_PUBLIC_BACKEND_API_BASE_URL", "STRICT_SECRET_VALIDATION")
URLS = ("DATABASE_URL", "REDIS_URL")
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
CODE = """import os

NAMES = (
{reads}
)
"""


def _values(environment: str, service: str, at: datetime) -> dict[str, str]:
    """What a place holds: other values before the rotation, and in each environment its own."""
    seed = f"{environment} {at >= ROTATED}"
    password = fake_value(f"db {seed}", 28, LETTERS) + "aA1-"
    token = fake_value(f"api {seed}")
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
        "REDIS_URL": f"rediss://:{fake_value(f'redis {seed}', 40, LETTERS)}@{environment}.cache.internal:6379/0",
        "SENTRY_DSN": f"https://{fake_value(f'sentry {seed}', 32, '0123456789abcdef')}@errors.internal/12",
        "STRICT_SECRET_VALIDATION": "true",
    }


def write_clean(folder: Path) -> tuple[Path, tuple[GivenValues, ...]]:
    """The folder, and the values that its reviewer gives: only development has its own in files."""
    texts = {**_texts(), "audit.toml": _layout(), "policy.toml": _policy()}
    for service, path in FILES.items():
        texts[path] = _text("development", service)
    for path, text in texts.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text)
        (folder / path).chmod(0o600)
    kept = {path: text.encode() for path, text in texts.items() if path not in FILES.values()}
    write_repository(folder, [Commit(datetime(2026, 6, 1, tzinfo=UTC), "Begin", {
        path: text for path, text in kept.items() if not path.startswith("backend/logs")
    })])
    remember_sample(folder)
    _write_ledger(folder)
    return folder, tuple(
        GivenValues(environment, service, "-", _text(environment, service).encode())
        for environment, service in PLACES
        if environment != "development"
    )
