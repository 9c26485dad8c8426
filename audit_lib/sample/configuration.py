"""The sample's blueprint, image, compose files and scanner's baseline, each with a fault to find."""

import json
from datetime import datetime, timedelta
from hashlib import sha1

from audit_lib.sample.values import drawn

# JWT_SECRET_KEY is a text, LOG_LEVEL is set twice, and previews get both.
BLUEPRINT = """previews:
  generation: automatic
envVarGroups:
  - name: shared
    envVars:
      - key: API_TOKEN
        sync: false
      - key: LOG_LEVEL
        value: info
services:
  - type: web
    name: backend
    envVars:
      - fromGroup: shared
      - key: JWT_SECRET_KEY
        value: {value}
      - key: DATABASE_URL
        fromDatabase: {{name: db, property: connectionString}}
      - key: LOG_LEVEL
        value: debug
"""
DOCKERFILE = "FROM python:3.13-slim\nCOPY backend /app\n"
COMPOSE = """services:
  api:
    build:
      context: .
      dockerfile: docker/Dockerfile
  db:
    environment:
      POSTGRES_PASSWORD: postgres
"""
BROKEN = "services:\n  api: [\n"
DEPLOYS = "evidence/deploys-backend.json"
# When it was asked for, what set it off, how it ended, the commit's message.
_ASKED = (
    ("2026-09-24T10:14:30Z", {"envUpdated": True}, "live", "Count orders by day"),
    # With the wrong token: for a quarter of an hour every client is refused.
    ("2026-09-24T09:56:40Z", {"envUpdated": True}, "deactivated", "Count orders by day"),
    ("2026-09-10T13:05:00Z", "new_commit", "deactivated", "Count orders by day"),
    ("2026-08-21T09:12:00Z", "new_commit", "deactivated", "Show positions by day"),
    ("2026-08-21T08:40:00Z", "new_commit", "build_failed", "Show positions by day, first try"),
    ("2026-08-13T07:30:00Z", {"envUpdated": True}, "deactivated", "Ask for quotes in one request"),
    ("2026-07-15T11:00:00Z", {"envUpdated": True}, "deactivated", "Ask for quotes in one request"),
)


def configuration_files() -> dict[str, bytes]:
    """What describes the platform, the image and the scanner; one compose file is broken."""
    return {
        "render.yaml": BLUEPRINT.format(value=drawn("text in a blueprint", 43)).encode(),
        "docker/Dockerfile": DOCKERFILE.encode(),
        "compose.yaml": COMPOSE.encode(),
        "deploy/compose.old.yml": BROKEN.encode(),
        ".secrets.baseline": _baseline(),
    }


def _baseline() -> bytes:
    """A baseline of detect-secrets: one hit is called harmless, of the other nobody said anything."""
    entries = [
        {"type": "Secret Keyword", "line_number": line, "hashed_secret": sha1(name.encode()).hexdigest()}  # noqa: S324
        for line, name in ((3, "first"), (4, "second"))
    ]
    entries[0]["is_secret"] = False
    record = {"version": "1.5.0", "results": {"backend/app/main.py": entries}}
    return (json.dumps(record, indent=1) + "\n").encode()


def deploy_list() -> bytes:
    """The answer, an entry a line."""
    entries = [json.dumps(_entry(number, *asked)) for number, asked in enumerate(_ASKED)]
    return ("[\n" + ",\n".join(entries) + "\n]\n").encode()


def _entry(number: int, asked: str, trigger: object, status: str, message: str) -> dict[str, object]:
    began = datetime.fromisoformat(asked)
    commit = sha1(f"sample {message}".encode(), usedforsecurity=False).hexdigest()
    deploy = {
        "id": f"dep-{sha1(asked.encode(), usedforsecurity=False).hexdigest()[:20]}",
        "commit": {"id": commit, "message": message, "createdAt": _iso(began - timedelta(minutes=9))},
        "status": status,
        "trigger": trigger,
        "createdAt": _iso(began),
        "startedAt": _iso(began + timedelta(seconds=4)),
        "finishedAt": _iso(began + timedelta(minutes=3, seconds=10)),
        "updatedAt": _iso(began + timedelta(minutes=3, seconds=10)),
    }
    return {"deploy": deploy, "cursor": f"sample-{number}"}


def _iso(at: datetime) -> str:
    return f"{at:%Y-%m-%dT%H:%M:%S}.000000Z"
