"""The rest of the sample's files: the application's code, its guide and audit.toml."""

from hashlib import sha256
from pathlib import Path

from audit_lib.sample.configuration import DEPLOYS
from audit_lib.sample.history import PUBLISHED
from audit_lib.sample.values import ALPHANUMERIC, drawn

GUIDE = "docs/SECRETS.md"
IGNORED = "logs/\nbackend/.env\nfrontend/.env.local*\n.env\n*.env.production\n"
# It reads no REDIS_URL any more; REPORT_SIGNING_KEY is new, and the policy knows nothing of it.
MAIN = """import os

API_TOKEN = os.environ["API_TOKEN"]
JWT_SECRET_KEY = os.environ["JWT_SECRET_KEY"]
DATABASE_URL = os.environ["DATABASE_URL"]
TRADIER = os.environ["TRADIER_ACCOUNT_ID"], os.environ["TRADIER_API_KEY"]
ALPACA = os.environ["ALPACA_PAPER_API_KEY"], os.environ["ALPACA_PAPER_SECRET_KEY"]
ANTHROPIC_API_KEY = os.getenv("ANTHROPIC_API_KEY", "")
GITHUB_WEBHOOK_SECRET = os.getenv("GITHUB_WEBHOOK_SECRET", "")
SENTRY_DSN = os.getenv("SENTRY_DSN", "")
STRICT = os.getenv("STRICT_SECRET_VALIDATION", "")
BILLING_API_SECRET = os.environ["BILLING_API_SECRET"]
REPORT_SIGNING_KEY = os.environ["REPORT_SIGNING_KEY"]
REPORT_PAGES = os.getenv("REPORT_PAGES", "20")
"""
API = """export const base = process.env.NEXT_PUBLIC_BACKEND_API_BASE_URL;
export const token = process.env.NEXT_PUBLIC_API_TOKEN;
export const assistant = process.env.NEXT_PUBLIC_ANTHROPIC_API_KEY;
"""
# Who answers for which secret, as far as somebody has written it down.
METADATA = (
    ("API_TOKEN", {"owner": "Platform team", "reach": "Every route of the API", "reviewed": "2026-08-20"}),
    ("JWT_SECRET_KEY", {"owner": "Platform team", "reviewed": "2026-03-02"}),  # a review that is too old
    (
        "DATABASE_URL",
        {"owner": "Data team", "reach": "Reads and writes all tables"},
    ),  # attested in the ledger
    ("REDIS_URL", {"purpose": ""}),  # the cache is gone: what the guide says no longer holds
    ("TRADIER_API_KEY", {"owner": "Trading desk", "reach": "Reads quotes and the account"}),
)
LEAVERS = "audit/leavers.csv"
BREACHES = "audit/breaches.csv"
ACCESS_LOG = "audit/access.csv"
AUDIT = f"""# Where the sample's files are.
name = "sample"
extends = "paiid"
guide = "docs/SECRETS.md"
key = "demo"
time_zone = "UTC"
pinned_as_of = "2026-09-30"
leavers = "{LEAVERS}"
breaches = "{BREACHES}"
access_log = "{ACCESS_LOG}"
may_look = ["sam@example.com"]
# One value that was found published.
compromised = ["{sha256(PUBLISHED.text.encode()).hexdigest()}"]
"""
ENV_SOURCES = (
    ("backend/.env", "development", "backend", ""),
    ("backend/.env.bak", "development", "backend", "backup"),
    ("frontend/.env.local", "development", "frontend", ""),
    ("deploy/backend.staging.env", "staging", "backend", ""),
    ("deploy/frontend.staging.env", "staging", "frontend", ""),
    ("deploy/backend.production.json", "production", "backend", "export"),
    ("deploy/frontend.production.env", "production", "frontend", ""),
    ("backend/.env.example", "", "backend", "example"),
    ("frontend/.env.local.example", "", "frontend", "example"),
)
LOG_SOURCES = (
    ("backend/logs/backend.log*", "backend", "production"),
    ("logs/platform-export.log", "backend", "staging"),
    ("logs/edge.jsonl", "frontend", "production"),
    ("logs/worker.log", "backend", "production"),
    ("logs/frontend.log", "frontend", "production"),
)


# What git holds of a large file: where it was is shown as not searched.
LFS_POINTER = f"""version https://git-lfs.github.com/spec/v1
oid sha256:{sha256(b"the sample's screens").hexdigest()}
size 104857600
"""


def code_files() -> dict[str, bytes]:
    """The application and its guide."""
    return {
        "backend/app/main.py": MAIN.encode(),
        "frontend/lib/api.ts": API.encode(),
        "docs/screens.zip": LFS_POINTER.encode(),
        GUIDE: "\n".join(_guide()).encode(),
    }


def _guide() -> list[str]:
    """The guide's lines, with an example that looks real, as it must not: the repository holds none."""
    text = Path(__file__).with_name("SECRETS.md").read_text("utf-8")
    text = text.replace("TRADIER_EXAMPLE", drawn("example of a guide", 28, ALPHANUMERIC))
    return text.replace("data:image/png;base64,", f"data:image/png;base64,{'A' * 2_400}").split("\n")


def trigger_files() -> dict[str, bytes]:
    """Who left, which provider reported a breach, and who looked at values on the platform."""
    return {
        LEAVERS: b"name,email,date\nSam Ple,sam@example.com,2026-09-02\nKim Roe,kim@example.com,2026-08-01\n",
        BREACHES: b"provider,date\nAlpaca,2026-08-20\nAcme,2026-08-25\n",
        ACCESS_LOG: b"who,date\nsam@example.com,2026-07-02T09:00:00Z\neve@example.com,2026-08-18T22:41:00Z\n",
    }


def audit_files() -> dict[str, bytes]:
    """audit.toml: where everything is, the bundled policy, and what is known of this application."""
    envs = "".join(_env_block(*source) for source in ENV_SOURCES)
    logs = "".join(_log_block(*source) for source in LOG_SOURCES)
    deploys = _block("deploys", pattern=DEPLOYS, service="backend", environment="production")
    owners = "".join(_block("secret", name=name, **texts) for name, texts in METADATA)
    return {"audit.toml": (AUDIT + envs + logs + deploys + owners).encode()}


def _env_block(path: str, environment: str, service: str, flag: str) -> str:
    place = {"environment": environment} if environment else {}
    return _block("env", path=path, service=service, **place) + (f"{flag} = true\n" if flag else "")


def _log_block(pattern: str, service: str, environment: str) -> str:
    return _block("log", pattern=pattern, service=service, environment=environment) + "instances = 1\n"


def _block(table: str, **texts: str) -> str:
    return f"\n[[{table}]]\n" + "".join(f'{key} = "{text}"\n' for key, text in texts.items())
