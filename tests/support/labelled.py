"""A labelled corpus: texts of which it is known whether they hold a secret. Made at run time from a seed."""

# ruff: noqa: E501  a case is read as one line

import string
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from tests.support.fakes import URL_SAFE, fake_value

ALNUM = string.ascii_letters + string.digits
UPPER = string.ascii_uppercase + string.digits
HEX = string.digits + "abcdef"


@dataclass(frozen=True)
class Case:
    """One text. `secrets` is empty where it holds none; `place` is file or message."""

    label: str
    path: str
    text: str
    secrets: tuple[str, ...] = field(default=(), repr=False)
    place: str = "file"


def _tradier(seed: object) -> str:
    return fake_value(seed, 28, ALNUM)


def _alpaca_id(seed: object) -> str:
    return "P" + "K" + fake_value(seed, 18, UPPER)


def _alpaca_secret(seed: object) -> str:
    return fake_value(seed, 40, ALNUM)


def _api_token(seed: object) -> str:
    return fake_value(seed, 43, URL_SAFE)


def _jwt_key(seed: object) -> str:
    return fake_value(seed, 64, HEX)


def _anthropic(seed: object) -> str:
    return "sk-" + "ant-" + "api03-" + fake_value(seed, 93) + "AA"


def _render(seed: object) -> str:
    return "rnd" + "_" + fake_value(seed, 28, ALNUM)


def _dsn(seed: object) -> str:
    return f"https://{fake_value(seed, 32, HEX)}@o{fake_value(seed, 6, '123456789')}.ingest.sentry.io/4501234"


def _database(seed: object) -> str:
    return (
        f"postgresql://paiid:{fake_value(seed, 24, ALNUM)}@dpg-c0ffee.oregon-postgres.render.com:5432/paiid"
    )


def _redis(seed: object) -> str:
    return f"rediss://default:{fake_value(seed, 32, ALNUM)}@red-c0ffee.render.com:6379/0"


KINDS: dict[str, Callable[[object], str]] = {
    "TRADIER_API_KEY": _tradier,
    "ALPACA_PAPER_API_KEY": _alpaca_id,
    "ALPACA_PAPER_SECRET_KEY": _alpaca_secret,
    "API_TOKEN": _api_token,
    "JWT_SECRET_KEY": _jwt_key,
    "ANTHROPIC_API_KEY": _anthropic,
    "RENDER_API_KEY": _render,
    "SENTRY_DSN": _dsn,
    "DATABASE_URL": _database,
    "REDIS_URL": _redis,
}

# Shape, path, text with {n} for the name and {v} for the value.
SHAPES: tuple[tuple[str, str, str], ...] = (
    ("env line", "deploy/old.env", "DEBUG=false\n{n}={v}\nPORT=8001\n"),
    ("exported, quoted", "scripts/run.sh", '#!/bin/sh\nexport {n}="{v}"\n'),
    ("python constant", "backend/app/settings.py", "import os\n{n} = '{v}'\n"),
    ("javascript object", "frontend/lib/config.ts", 'export const config = {{ {n}: "{v}", retries: 3 }}\n'),
    ("JSON", "ops/vars.json", '{{"region": "oregon", "{n}": "{v}"}}\n'),
    ("YAML", "ops/values.yaml", "service: web\n{n}: {v}\n"),
    ("YAML on two lines", "render.yaml", "envVars:\n  - key: {n}\n    value: {v}\n  - key: PORT\n"),
    ("default in a shell expansion", "docker-compose.yml", "environment:\n  {n}: ${{{n}:-{v}}}\n"),
    ("|| fall-back", "frontend/lib/api.ts", "const t = process.env.{n} || '{v}';\n"),
    ("getenv fall-back", "backend/app/main.py", 'key = os.getenv("{n}", "{v}")\n'),
    ("environ.get fall-back", "backend/app/jobs.py", "key = os.environ.get('{n}', default='{v}')\n"),
    ("own line under a heading", "docs/KEYS.md", "## {n}\n\n{v}\n\nKeep it.\n"),
    ("own line in a code fence", "docs/SETUP.md", "### {n}\n\n```\n{v}\n```\n"),
    ("after a label", "notes.txt", "{n}: {v}\n"),
    ("called an example", "docs/API.md", "For example, set `{n}={v}` in your shell.\n"),
    ("docker flag", "README.md", "docker run -e {n}={v} paiid/backend\n"),
    (
        "settings repr in a test output",
        "tests/output.txt",
        "E  assert Settings({n}='{v}', DEBUG=True) is None\n",
    ),
    ("HTTP client file", "requests.http", "@{n} = {v}\n\nGET https://api.example.com/\n"),
    ("commit message", "", "Switch broker\n\n{n}={v} until Monday\n"),
    ("notebook", "analysis.ipynb", '{{"cells": [{{"source": ["{n} = \\"{v}\\"\\n"]}}]}}\n'),
)

# Shapes of their own, with the kinds that stand in them.
SPECIAL: tuple[tuple[str, str, str, tuple[str, ...]], ...] = (
    ("bearer in docs", "docs/CALLS.md", "curl -H 'Authorization: Bearer {v}' https://x\n", ("API_TOKEN", "TRADIER_API_KEY")),
    ("header in an HTTP file", "t.http", "GET /v1\nAPCA-API-SECRET-KEY: {v}\n", ("ALPACA_PAPER_SECRET_KEY",)),
    ("key id header", "u.http", "GET /v1\nAPCA-API-KEY-ID: {v}\n", ("ALPACA_PAPER_API_KEY",)),
    ("Secret Key: and a line", "docs/alpaca.txt", "Alpaca paper\nSecret Key:\n{v}\n", ("ALPACA_PAPER_SECRET_KEY",)),
    ("in a query", "backend/logs.txt", "GET /stream?token={v}&x=1 200\n", ("API_TOKEN",)),
    ("URL alone", "docs/db.md", "Connect with {v} only from the office.\n", ("DATABASE_URL", "REDIS_URL", "SENTRY_DSN")),
    ("bold label", "docs/tradier.md", "**Tradier API Key**: `{v}`\n", ("TRADIER_API_KEY",)),
    ("provider's key alone", "docs/chat.md", "use {v} please\n", ("ANTHROPIC_API_KEY", "RENDER_API_KEY", "ALPACA_PAPER_API_KEY")),
    ("input_value in a log", "app.log", "JWT_SECRET_KEY\n  [type=value_error, input_value='{v}', input_type=str]\n", ("JWT_SECRET_KEY",)),
    ("chat paste, no name", "docs/paste.txt", "{v}\n", ("API_TOKEN",)),
)  # fmt: skip


def secrets_in(value: str) -> tuple[str, ...]:
    """A URL's password counts as found, and so does the URL."""
    password = value.partition("://")[2].rpartition("@")[0].partition(":")[2]
    return (password, value) if password else (value,)


def positives() -> Iterator[Case]:
    """Every shape with every kind."""
    for shape, path, text in SHAPES:
        for name, make in KINDS.items():
            value = make((shape, name))
            place = "file" if path else "message"
            where = f"{shape.replace(' ', '-').replace('|', 'or')}/{name}/{path}" if path else ""
            yield Case(f"{shape}: {name}", where, text.format(n=name, v=value), secrets_in(value), place)
    for shape, path, text, names in SPECIAL:
        for name in names:
            value = KINDS[name]((shape, name))
            where = f"{shape.replace(' ', '-').replace(':', '')}/{name}/{path}"
            yield Case(f"{shape}: {name}", where, text.format(v=value), secrets_in(value))


def negatives() -> Iterator[Case]:
    """What looks like a secret to a hasty reader."""
    for number, (label, path, text) in enumerate(_NEGATIVES):
        for copy in range(3):
            seed = (label, copy)
            filled = text.format(
                hex40=fake_value(seed, 40, HEX), hex64=fake_value(seed, 64, HEX), b64=fake_value(seed, 86, ALNUM + "+/"),
                b22=fake_value(seed, 22, URL_SAFE), uuid="-".join(fake_value((seed, n), n, HEX) for n in (8, 4, 4, 4, 12)),
            )  # fmt: skip
            yield Case(label, f"no/{number}-{copy}/{path}", filled)


_NEGATIVES: tuple[tuple[str, str, str], ...] = (
    ("npm lock file", "package-lock.json", '"node_modules/x": {{"integrity": "sha512-{b64}==", "token": "{b22}"}}\n'),
    ("poetry lock file", "poetry.lock", 'files = [{{file = "x.whl", hash = "sha256:{hex64}"}}]\n'),
    ("yarn lock file", "yarn.lock", "token@^1.0.0:\n  resolved https://r.example/t.tgz#{hex40}\n"),
    ("minified bundle", "app.min.js", 'var a={{apiKey:t.key,secret:"{b22}",token:n}};\n'),
    ("source map", "main.js.map", '{{"names":["token"],"secretKey":"{b22}AAAA"}}\n'),
    ("snapshot of a test", "__snapshots__/a.snap", 'exports[`a`] = `token="{hex40}"`;\n'),
    ("cached page", ".cache/page.html", '<input name="csrf_token" value="{hex64}">\n'),
    ("saved page", "saved.html", '<meta name="csrf-token" content="{b64}"><script nonce="{b22}">\n'),
    ("git hash", "CHANGELOG.md", "token handling fixed in commit {hex40}\n"),
    ("checksum", "SHA256SUMS", "{hex64}  api-key-tool.tar.gz\n"),
    ("checksum beside a key", "docs/x.md", "API key tool, sha256: {hex64}\n"),
    ("package manager", ".yarn/releases/yarn-4.cjs", 'var s={{appId:"A1",apiKey:"{b22}"}};\n'),
    ("etag", "headers.txt", "ETag: {hex40}\nx-request-id: {uuid}\n"),
    ("placeholder", ".env.example", "API_TOKEN=your-api-token-here\nJWT_SECRET_KEY=change-me-in-production-please-1\n"),
    ("angle brackets", "README.md", "TRADIER_API_KEY=<your-tradier-key-28-chars>\n"),
    ("crossed out", "README.md", "API_TOKEN=xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\nSECRET_KEY=****************\n"),
    ("reference in YAML", "ci.yml", "token: ${{{{ secrets.API_TOKEN }}}}\npassword: $DB_PASSWORD\n"),
    ("reference in compose", "docker-compose.yml", "API_TOKEN: ${{API_TOKEN:?set it}}\n"),
    ("attribute access", "a.py", "token = settings.api_token\nsecret = self.config.jwt_secret_key\n"),
    ("call", "a.py", "api_key = os.environ['API_KEY']\ntoken = get_token(user_id=1)\nsecret_key = secrets.token_urlsafe(32)\n"),
    ("type annotation", "a.py", "def f(token: Optional[str], secret: SecretStr, api_key: str = Field(...)) -> None: ...\n"),
    ("test value", "tests/test_a.py", "API_TOKEN = 'test-token-12345678'\nsecret = 'super-secret-test-key'\n"),
    ("dummy", "tests/conftest.py", "os.environ['JWT_SECRET_KEY'] = 'dummy-secret-key-for-tests-only-0000'\n"),
    ("alphabet", "tests/test_b.py", "token = 'abcdefghijklmnopqrstuvwxyz1234567890'\n"),
    ("local database", "README.md", "DATABASE_URL=postgresql://postgres:postgres@localhost:5432/app\n"),
    ("template URL", "README.md", "DATABASE_URL=postgresql://user:password@host:5432/database\n"),
    ("redis without a password", "a.env", "REDIS_URL=redis://localhost:6379/0\n"),
    ("URL with a port", "a.md", "API_BASE_URL=https://api.tradier.com:443/v1/markets\n"),
    ("limits", "a.py", "max_tokens = 4096000000\nTOKEN_EXPIRY_SECONDS=86400000\n"),
    ("path of a key", "a.env", "PRIVATE_KEY_PATH=/etc/ssl/private/server-2024.key\nSECRET_FILE=./secrets/api.json\n"),
    ("public key", "id.pub", "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAA{b22} dev@example\n"),
    ("uuid", "a.json", '{{"key": "{uuid}", "id": "{uuid}"}}\n'),
    ("words", "a.yml", "secretName: backend-production-secrets\nkey_name: primary-signing-key-2024\n"),
    ("prose", "a.md", "Your API key: it must be kept secret-and-safe, see rotation-policy-v2 for details.\n"),
    ("heading and a sentence", "a.md", "## API Key\n\nThe key is generated by the provider and shown once.\n"),
    ("heading and a file", "a.md", "## Secret Key\n\nbackend/app/core/secret_validation.py\n"),
    ("class names", "A.java", "private static final String TOKEN = AuthenticationTokenProviderFactory2.class.getName();\n"),
    ("css", "a.css", ".token-keyword {{ color: #a0b1c2; }} .token.punctuation {{ margin: 12px }}\n"),
    ("svg", "a.svg", '<path id="key-1" d="M10 20C30 40 50 60 70 80Z"/>\n'),
    ("image in base64", "a.md", "![key](data:image/png;base64,iVBORw0KGgo{b64})\n"),
    ("fingerprints", "report.json", '{{"secret": "API_TOKEN", "fingerprint": "{hex64}"}}\n'),
    ("password hash", "seed.sql", "INSERT INTO users (password_hash) VALUES ('$2b$12${b22}{b22}');\n"),
    ("translation", "de.po", 'msgid "Enter your API token"\nmsgstr "Token eingeben: siehe-Anleitung-42"\n'),
)  # fmt: skip
