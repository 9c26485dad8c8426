"""A small project with two secrets in one env file, a key, a report beside it, and commands on it."""

import json
import re
import shlex
from hashlib import sha256
from pathlib import Path

from click.testing import CliRunner, Result

from audit_lib.__main__ import main
from tests.support.fakes import fake_value

RULE = '[[secret]]\nname = "{}"\nservice = "backend"\nrequired = "always"\nmax_age_days = 90\n'
POLICY = f"""
name = "small"
{RULE.format("API_TOKEN")}{RULE.format("DATABASE_URL")}component = "password"
[attestations]
"141" = "Is it paper?"
"142" = "Is two-factor authentication on?"
"""
AUDIT = """
extends = "generic"
[[env]]
path = "backend/.env"
environment = "production"
service = "backend"
"""
FINDING = "tracked-env-file:env-file:production/backend"
WRITERS = ("snapshot", "record", "sign", "rotate key", "decide a", "decide c")  # commands that write an entry
ELSEWHERE = ("verify", "--project", "--sample")  # with one of these a line says itself where it works


class SmallProject:
    """The project in `root`, its key in `home` and its report in `report`, beside each other."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.root, self.report = folder, folder / "project", folder / "report"
        (self.root / "backend").mkdir(parents=True)
        self.write("project/audit.toml", one_file(AUDIT, POLICY))
        self.write("project/staging.env", f"API_TOKEN={fake_value('staging')}\n")
        self.values(1)

    def write(self, path: str, text: str) -> None:
        """Write a file."""
        (self.folder / path).parent.mkdir(parents=True, exist_ok=True)
        (self.folder / path).write_text(text)

    def report_findings(self, *ids: str) -> None:
        """Write a report with these findings: what is decided of them needs no fresh audit."""
        row = {"check": "tracked-env-file", "severity": "high", "status": "open"}
        found = [row | {"id": id_} for id_ in ids or [FINDING]]
        record = {"schema": "audit_lib/report/1", "project": "small", "as_of": "2026-06-30T00:00:00Z"}
        self.write("project/reports/small-2026Q2/report.json", json.dumps(record | {"findings": found}))

    def delete(self, path: str) -> None:
        """Delete a file."""
        (self.folder / path).unlink()

    def edit(self, path: str, old: str, new: str) -> None:
        """Replace the first place of a text in a file."""
        self.write(path, (self.folder / path).read_text().replace(old, new, 1))

    def values(self, version: int) -> None:
        """Put values of a version into the env file."""
        token, password = fake_value(("token", version)), fake_value(("password", version), 24)
        url = f"DATABASE_URL=postgresql://app:{password}@db/app"
        self.write("project/backend/.env", f"API_TOKEN={token}\n{url}\n")

    def run(self, line: str, code: int = 0, *, named: bool = True) -> Result:
        """A command line on the project, unless that is not `named`, by the writer `ci` or whom it names; a
        file behind "<" is its stdin."""
        line, _, typed = line.partition(" < ")
        words = shlex.split(line.replace("{project}", str(self.root)).replace("{report}", str(self.report)))
        named &= not any(word in words for word in ELSEWHERE)
        words += ["--project", str(self.root)] if named else []
        words += ["--writer", "ci"] if line.startswith(WRITERS) and "--writer" not in words else []
        result = CliRunner().invoke(main, words, input=(self.root / typed).read_text() if typed else "")
        assert result.exit_code == code, result.output
        assert "Traceback" not in result.output
        return result


def write_report(folder: Path, record: str = "") -> Path:
    """A report of a page, perhaps a report.json, and its manifest."""
    folder.mkdir()
    files = {"report.html": "report"} | ({"report.json": record} if record else {})
    for name, text in files.items():
        (folder / name).write_text(text)
    digests = {name: sha256(text.encode()).hexdigest() for name, text in files.items()}
    (folder / "MANIFEST.json").write_text(json.dumps({"files": digests}))
    return folder


def one_file(*parts: str) -> str:
    """The parts as one text: first their own keys, a key of several once, then their tables."""
    keys: dict[str, str] = {}
    tables = []
    for part in parts:
        head, table = re.fullmatch(r"(?s)((?:(?!\n\[|^\[).)*\n?)(.*)", part).groups()  # type: ignore[union-attr]
        for line in re.findall(r"(?m)^\w+ = .*(?:\n(?!\w+ = ).*)*", head):
            keys.setdefault(line.split(" = ")[0], line)
        tables.append(table)
    return "\n".join([*keys.values(), "", *tables])
