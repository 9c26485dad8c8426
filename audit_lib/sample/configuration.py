"""The sample's blueprint, image, compose files and scanner's baseline, each with a fault to find."""

import json
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
