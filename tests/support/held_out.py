"""A second labelled corpus: shapes and names that `tests/labelled.py` lacks, written before any rule for them."""

# ruff: noqa: E501  a case is read as one line

import string
from collections.abc import Iterator

from tests.support.fakes import URL_SAFE, fake_value
from tests.support.labelled import ALNUM, HEX, UPPER, Case

# Name, alphabet, length of its values.
KINDS: tuple[tuple[str, str, int], ...] = (
    ("TRADIER_API_KEY", ALNUM, 28),
    ("SERVICE_ACCESS_TOKEN", URL_SAFE, 43),
    ("WEBHOOK_SIGNING_SECRET", HEX, 32),
    ("ENCRYPTION_KEY", ALNUM + "+/", 44),
    ("MAILER_PASSWORD", ALNUM + "!%*-_", 18),
)

# Shape, path, text. {n} NAME, {low} name, {camel} Name, {words} name in words, {v} value.
SHAPES: tuple[tuple[str, str, str], ...] = (
    ("Terraform default", "infra/main.tf", 'variable "{low}" {{\n  type = string\n  default = "{v}"\n}}\n'),
    ("Kubernetes manifest", "k8s/backend.yaml", "kind: Secret\nstringData:\n  {n}: {v}\n"),
    ("Dockerfile", "Dockerfile", "FROM python:3.12\nENV {n}={v}\n"),
    ("Dockerfile, old ENV", "old/Dockerfile", "FROM python:3.8\nENV {n} {v}\n"),
    ("systemd unit", "deploy/app.service", '[Service]\nEnvironment="{n}={v}"\n'),
    ("INI", "conf/app.ini", "[remote]\n{low} = {v}\n"),
    ("TOML", "conf/app.toml", '[remote]\n{low} = "{v}"\n'),
    ("properties", "conf/app.properties", "remote.{low}={v}\n"),
    ("PHP define", "web/config.php", "<?php\ndefine('{n}', '{v}');\n"),
    ("Ruby fetch", "lib/config.rb", "key = ENV.fetch('{n}', '{v}')\n"),
    ("Go constant", "cmd/main.go", 'package main\n\nconst {camel} = "{v}"\n'),
    ("Java field", "src/App.java", 'private static final String {n} = "{v}";\n'),
    ("PowerShell", "run.ps1", "$env:{n} = '{v}'\n"),
    ("batch file", "run.bat", "@echo off\nset {n}={v}\n"),
    ("XML setting", "web.config", '<appSettings>\n<add key="{n}" value="{v}" />\n</appSettings>\n'),
    ("key and value in JSON", "postman.json", '{{"values": [{{"key": "{n}", "value": "{v}", "enabled": true}}]}}\n'),
    ("workflow", ".github/workflows/ci.yml", "jobs:\n  test:\n    env:\n      {n}: {v}\n"),
    ("Makefile", "ops/Makefile", "{n} := {v}\n"),
    ("SQL row", "seed.sql", "INSERT INTO settings (name, value) VALUES ('{n}', '{v}');\n"),
    ("Markdown table", "docs/ops.md", "| name | value |\n|---|---|\n| {n} | {v} |\n"),
    ("a sentence in a chat", "notes/chat.txt", "[10:02] ann: the {words} is {v}\n"),
    ("removed in a diff", "fix.diff", "-{n}={v}\n+{n}=\n"),
    ("environment in a trace", "err.txt", "environ({{'HOME': '/root', '{n}': '{v}'}})\n"),
    ("settings in a JSON log", "out.txt", '{{"level":"info","config":{{"{low}":"{v}","debug":true}}}}\n'),
    ("commented out", "backend/conf.py", "# {n} = '{v}'\n"),
    ("argument of a call", "backend/job.py", "client = Client(base, {low}='{v}', timeout=5)\n"),
    ("dictionary", "backend/table.py", "SETTINGS = {{\n    '{low}': '{v}',\n}}\n"),
    ("command line flag", "docs/run.md", "backend serve --{dashed} {v} --port 8001\n"),
)  # fmt: skip

ALONE: tuple[tuple[str, str, str], ...] = (
    ("npm registry", ".npmrc", "//registry.npmjs.org/:_authToken={v}\n"),
    ("netrc", ".netrc", "machine git.paiid.io login dev password {v}\n"),
    ("URL with a password", "docs/clone.md", "git clone https://dev:{v}@git.paiid.io/app.git\n"),
    ("curl header", "docs/curl.md", "curl -H 'X-Api-Key: {v}' https://api.paiid.io/v1\n"),
    ("basic login of curl", "docs/login.md", "curl -u dev:{v} https://api.paiid.io/v1\n"),
    ("cookie", "trace.http", "GET /\nCookie: session_token={v}; theme=dark\n"),
)  # fmt: skip

_HOLLOW: tuple[tuple[str, str, str], ...] = (
    ("image digest", "compose.yml", "image: registry.io/secret-store@sha256:{hex64}\n"),
    ("provider lock", ".terraform.lock.hcl", 'hashes = ["h1:{b44}="]\n'),
    ("go.sum", "go.sum", "example.org/token v1.2.3 h1:{b44}=\n"),
    ("wheel hash", "requirements.txt", "token-lib==1.0 --hash=sha256:{hex64}\n"),
    ("nix hash", "default.nix", 'fetchurl {{ url = "https://x/api-key.tgz"; sha256 = "{base32}"; }}\n'),
    ("chunk name", "index.txt", "static/js/token.{hex20}.chunk.js\n"),
    ("submodule", "notes.md", "Subproject commit {hex40} (secret handling)\n"),
    ("known hosts", "known_hosts", "git.paiid.io ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI{b44}\n"),
    ("certificate", "ca.pem", "-----BEGIN CERTIFICATE-----\n{b64}\n-----END CERTIFICATE-----\n"),
    ("PGP signature", "a.asc", "-----BEGIN PGP SIGNATURE-----\n\n{b64}\n-----END PGP SIGNATURE-----\n"),
    ("encrypted by SOPS", "secrets.enc.yaml", "API_TOKEN: ENC[AES256_GCM,data:{b44},iv:{b44},tag:{b22}==,type:str]\n"),
    ("encrypted by Ansible", "vault.yml", "api_token: !vault |\n  $ANSIBLE_VAULT;1.1;AES256\n  {hex64}\n"),
    ("reference to a secret store", "main.tf", 'secret_arn = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:prod/db-AbCdEf"\n'),
    ("secretKeyRef", "deploy.yaml", "- name: API_TOKEN\n  valueFrom:\n    secretKeyRef:\n      name: backend-secrets\n      key: api-token\n"),
    ("OpenAPI scheme", "openapi.yaml", "ApiKeyAuth:\n  type: apiKey\n  in: header\n  name: X-API-KEY\n"),
    ("pattern of a token", "check.py", "TOKEN = re.compile(r'^[A-Za-z0-9_-]{{43}}$')\n"),
    ("generator", "gen.sh", "API_TOKEN=$(openssl rand -base64 32)\nexport SECRET_KEY=`uuidgen`\n"),
    ("prompt", "ask.sh", 'read -s -p "API token: " API_TOKEN\n'),
    ("masked log", "log.txt", "INFO api_token=abcd****wxyz secret_key=[REDACTED]\n"),
    ("secret type", "model.py", "api_token: SecretStr | None = None\nsecret_key: Annotated[str, Field(min_length=32)]\n"),
    ("hash of a password", "users.csv", "user,password_hash\nann,pbkdf2_sha256$600000${b22}${b44}=\n"),
    ("trace id", "log2.txt", "traceparent=00-{hex32}-{hex16}-01 request_token_count=1284\n"),
    ("idempotency", "calls.http", "POST /orders\nIdempotency-Key: {hex32}\n"),
    ("route name", "routes.ts", "export const resetPasswordTokenRoute = '/account/reset-password/confirm-token';\n"),
    ("copyright notice", "LICENSE.txt", "Secret: this file holds none. Token: see section 4(b)(ii).\n"),
)  # fmt: skip


def positives() -> Iterator[Case]:
    """Every shape with every kind."""
    for shapes, kinds in ((SHAPES, KINDS), (ALONE, KINDS[:3])):
        for shape, path, text in shapes:
            for name, alphabet, length in kinds:
                value = fake_value(("held out", shape, name), length, alphabet)
                filled = text.format(v=value, **_spellings(name))
                yield Case(
                    f"{shape}: {name}", f"held/{shape.replace(' ', '-')}/{name}/{path}", filled, (value,)
                )


def negatives() -> Iterator[Case]:
    """What holds a secret's name and no secret."""
    for number, (label, path, text) in enumerate(_HOLLOW):
        for copy in range(3):
            yield Case(label, f"hollow/{number}-{copy}/{path}", text.format(**_fillings((label, copy))))


def _spellings(name: str) -> dict[str, str]:
    words = name.lower().split("_")
    return {
        "n": name,
        "low": "_".join(words),
        "dashed": "-".join(words),
        "words": " ".join(words),
        "camel": "".join(map(str.capitalize, words)),
    }


def _fillings(seed: object) -> dict[str, str]:
    base64 = ALNUM + "+/"
    sizes = {
        "hex16": (16, HEX),
        "hex20": (20, HEX),
        "hex32": (32, HEX),
        "hex40": (40, HEX),
        "hex64": (64, HEX),
    }
    sizes |= {"b22": (22, URL_SAFE), "b44": (43, base64), "b64": (64, base64), "upper": (20, UPPER)}
    sizes |= {"base32": (52, string.digits + string.ascii_lowercase)}
    return {name: fake_value((seed, name), *size) for name, size in sizes.items()}
