"""`generate`: values by the policy's rules, replaced in files with their twins, and recorded."""

import json
import os
import re
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from audit_lib.__main__ import main
from audit_lib.base.connection_url import url_parts
from audit_lib.rotation.new_value import made_value, new_value_faults
from audit_lib.settings import bundled_policy, load_project
from tests.support.audits import run_audit
from tests.support.fakes import fake_value
from tests.support.paths import ROOT

POLICY = bundled_policy("paiid")
MADE = [rule for rule in POLICY.secrets if rule.generate or rule.component == "password"]
PASSWORD = fake_value("password", 32)
BACKEND = (
    f"# backend\nAPI_TOKEN='{fake_value('token')}'\n"
    f"DATABASE_URL=postgresql://paiid:{PASSWORD}@db.paiid.internal:5432/paiid\nLEVEL=info\n"
)
FRONTEND = f"NEXT_PUBLIC_API_TOKEN={fake_value('token')}\nNEXT_PUBLIC_BACKEND_API_BASE_URL=https://x\n"
PLACES = {"backend/.env": ("backend", BACKEND), "frontend/.env.local": ("frontend", FRONTEND)}


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """An application with two services, and both halves of a pair."""
    layout = 'extends = "paiid"\n'
    for place, (service, text) in PLACES.items():
        path = tmp_path / "app" / place
        path.parent.mkdir(parents=True)
        path.write_text(text, "utf-8")
        path.chmod(0o600)
        layout += f'[[env]]\npath = "{place}"\nenvironment = "production"\nservice = "{service}"\n'
        layout += f'loader = "{"next" if service == "frontend" else "python-dotenv"}"\n'
    (tmp_path / "app" / "audit.toml").write_text(layout, "utf-8")
    return tmp_path / "app"


def _run(project: Path, *words: str, given: str = "") -> Result:
    return CliRunner().invoke(main, ["generate", *words, "--project", str(project)], input=given)


def _entries(project: Path) -> list[dict[str, object]]:
    chains = sorted((project / ".audit" / "ledger").glob("*.jsonl"))
    return [json.loads(line) for chain in chains for line in chain.read_text("ascii").splitlines()]


def _value(project: Path, place: str, name: str) -> str:
    return re.findall(rf"(?m)^{name}=(.*)$", (project / place).read_text("utf-8"))[0]


@pytest.mark.parametrize("rule", MADE, ids=[rule.name for rule in MADE])
def test_a_made_value_meets_its_rules(rule) -> None:
    """By every rule of the policy, in every environment, with 128 bits or more, and never twice the same."""
    for environment in ("development", "production"):
        values = [made_value(rule, POLICY, environment) for _ in range(50)]
        assert len(set(values)) == 50
        assert not [fault for one in values for fault in new_value_faults(rule, one, POLICY, environment)]
        assert min(len(one) * (4 if re.fullmatch("[0-9a-f]+", one) else 6) for one in values) >= 128


def test_a_password_has_all_kinds_and_no_sign_that_is_mangled() -> None:
    """Of two thousand: four kinds of characters, none that a URL or a shell reads otherwise."""
    rule = POLICY.rule("DATABASE_URL")
    for _ in range(2000):
        value = made_value(rule, POLICY, "production")
        assert all(re.search(kind, value) for kind in ("[a-z]", "[A-Z]", "[0-9]", "[-._]"))
        assert re.fullmatch(r"[A-Za-z][A-Za-z0-9._-]{31}", value)
        parts = url_parts(f"postgresql://u:{value}@h/d")
        assert parts is not None
        assert (parts.password, parts.unambiguous) == (value, True)


def test_a_pair_is_replaced_and_recorded(project: Path) -> None:
    """Both halves get one value; nothing else changes; the ledger has old and new fingerprint of both."""
    done = _run(project, "API_TOKEN", "--into", str(project / "backend/.env"), "--reason", "scheduled")
    assert done.exit_code == 0, done.output
    token = _value(project, "backend/.env", "API_TOKEN")
    assert token == _value(project, "frontend/.env.local", "NEXT_PUBLIC_API_TOKEN") != fake_value("token")
    assert token not in done.output
    assert (project / "backend/.env").read_text("utf-8") == re.sub(
        "API_TOKEN='.*'", f"API_TOKEN={token}", BACKEND
    )
    bodies = [entry["body"] for entry in _entries(project)]
    assert [body["secret"] for body in bodies] == ["API_TOKEN", "NEXT_PUBLIC_API_TOKEN"]
    assert len({body["fingerprint"] for body in bodies}) == len({body["previous"] for body in bodies}) == 1
    assert bodies[0]["fingerprint"] != bodies[0]["previous"]
    assert {body["reason"] for body in bodies} == {"scheduled"}
    assert not list(project.rglob("*audit-lib-new"))


def test_the_next_review_knows_the_age(project: Path) -> None:
    """Without any snapshot the replaced values are fresh, proved from both sides; the others are unknown."""
    assert _run(project, "API_TOKEN", "--into", str(project / "backend/.env")).exit_code == 0
    tomorrow = (datetime.now(UTC) + timedelta(days=1)).strftime("%Y-%m-%d")
    audit = run_audit(load_project(project), as_of=tomorrow)
    ages = audit.ages
    status = dict(ages.loc[ages["environment"] == "production", ["secret", "status"]].to_numpy())
    assert status["API_TOKEN"] == status["NEXT_PUBLIC_API_TOKEN"] == "fresh"
    assert status["DATABASE_URL"] == "unknown"


def test_a_value_that_was_replaced_is_known_still(project: Path) -> None:
    """The old value, which no file holds any more, is refused as a reason, and `whose` knows it."""
    assert _run(project, "API_TOKEN", "--into", str(project / "backend/.env")).exit_code == 0
    old = fake_value("token")
    done = _run(project, "JWT_SECRET_KEY", "--into", str(project / "backend/.env"), "--reason", old)
    assert (done.exit_code, "--reason: holds a secret value" in done.output) == (2, True)
    asked = CliRunner().invoke(main, ["whose", "--project", str(project)], input=old)
    assert "API_TOKEN" in asked.output


def test_only_the_password_of_a_url_changes(project: Path) -> None:
    """User, host and database stay."""
    assert _run(project, "DATABASE_URL", "--into", str(project / "backend/.env")).exit_code == 0
    parts = url_parts(_value(project, "backend/.env", "DATABASE_URL"))
    assert parts is not None
    assert (parts.user, parts.host, parts.database) == ("paiid", "db.paiid.internal", "paiid")
    assert parts.password != PASSWORD


def test_a_value_that_a_provider_issued_is_entered(project: Path) -> None:
    """It comes from stdin, is judged by the policy, and is never shown."""
    fixed = ("TRADIER_API_KEY", "--into", str(project / "backend/.env"), "--given")
    refused = _run(project, *fixed, given="your-key-here\n")
    assert (refused.exit_code, "is a placeholder" in refused.output) == (2, True)
    issued = fake_value("tradier", 28, "abcXYZ0123456789")
    done = _run(project, *fixed, given=f"{issued}\n")
    assert done.exit_code == 0
    assert issued not in done.output
    assert _value(project, "backend/.env", "TRADIER_API_KEY") == issued


def test_a_value_goes_where_it_is_asked_to(project: Path) -> None:
    """`--fd` writes it to a descriptor, and nothing to the terminal or the ledger."""
    reader, writer = os.pipe()
    done = _run(project, "JWT_SECRET_KEY", "--fd", str(writer))
    os.close(writer)
    with os.fdopen(reader) as pipe:
        assert re.fullmatch(r"[A-Za-z0-9_-]{43}\n", pipe.read())
    assert (done.exit_code, done.output) == (0, "")
    assert not (project / ".audit").exists()


@pytest.mark.parametrize(
    ("words", "fault"),
    [
        (("API_TOKEN",), "generate: needs one of --into FILE, --fd NUMBER and --show"),
        (("API_TOKEN", "--show"), "--show: is for a terminal"),
        (("API_TOKN", "--fd", "1"), "SECRET: must be a variable of the policy paiid; did you mean API_TOKEN"),
        (("TRADIER_API_KEY", "--fd", "1"), "is issued by its provider"),
        (("STRICT_SECRET_VALIDATION", "--fd", "1"), "is a setting: it is not made at random"),
        (
            ("API_TOKEN", "--into", "elsewhere.env"),
            "is not an env file in force of the project: backend/.env",
        ),
        (("API_TOKEN", "--fd", "987"), "--fd 987: cannot be written"),
    ],
)
def test_what_cannot_be_done_is_said(project: Path, words: tuple[str, ...], fault: str) -> None:
    """Place, then fault; nothing is written."""
    done = _run(project, *words)
    assert done.exit_code == 2
    assert fault in done.output
    assert not (project / ".audit" / "ledger").exists()


PAIR_POLICY = """name = "pair"
extends = "generic"

[[secret]]
name = "POSTGRES_PASSWORD"
service = "backend"
equals = ["DATABASE_URL"]

[[secret]]
name = "DATABASE_URL"
service = "backend"
component = "password"
equals = ["POSTGRES_PASSWORD"]
"""
PAIR_AUDIT = 'name = "pair"\npolicy = "policy.toml"\n[[env]]\npath = ".env"\nenvironment = "production"\n'


def _pair(root: Path, password: str, in_url: str) -> Path:
    root.mkdir()
    (root / "policy.toml").write_text(PAIR_POLICY, "utf-8")
    (root / "audit.toml").write_text(PAIR_AUDIT + 'service = "backend"\nloader = "python-dotenv"\n', "utf-8")
    text = f"POSTGRES_PASSWORD={password}\nLEVEL=info\nDATABASE_URL=postgresql://app:{in_url}@db:5432/app\n"
    (root / ".env").write_text(text, "utf-8")
    return root


@pytest.mark.parametrize("secret", ["POSTGRES_PASSWORD", "DATABASE_URL"])
@pytest.mark.parametrize("half", [False, True], ids=["whole", "a half that an earlier run left"])
def test_a_pair_in_one_file_is_one_write(tmp_path: Path, secret: str, half: bool) -> None:
    """A variable and its twin within a URL beside it change together, and both are recorded."""
    root = _pair(tmp_path / "app", fake_value("left", 32) if half else PASSWORD, PASSWORD)
    done = _run(root, secret, "--into", str(root / ".env"))
    assert done.exit_code == 0, done.output
    new = _value(root, ".env", "POSTGRES_PASSWORD")
    assert new not in (PASSWORD, fake_value("left", 32))
    assert _value(root, ".env", "DATABASE_URL") == f"postgresql://app:{new}@db:5432/app"
    bodies = {str(entry["body"]["secret"]): entry["body"] for entry in _entries(root)}
    assert sorted(bodies) == ["DATABASE_URL", "POSTGRES_PASSWORD"]
    assert len({body["fingerprint"] for body in bodies.values()}) == 1
    assert len({body["previous"] for body in bodies.values()}) == 1 + half


KILLED = """
import resource, signal, sys
from audit_lib.__main__ import main
signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
import os
for root in sys.argv[1:]:
    if not os.fork():
        limit = int(root.rpartition("at")[2])
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
        main(["generate", "POSTGRES_PASSWORD", "--project", root, "--into", root + "/.env"])
    os.wait()
"""


@pytest.mark.skipif(sys.platform == "win32", reason="has no limits of a process")
def test_a_pair_in_one_file_that_is_killed_is_old_or_new(tmp_path: Path, long_run: bool) -> None:
    """Killed at any byte that is written, both halves are the old ones or both are the new ones."""
    places = [
        _pair(tmp_path / f"at{limit}", PASSWORD, PASSWORD) for limit in range(0, 1900, 1 if long_run else 90)
    ]
    subprocess.run(
        [sys.executable, "-c", KILLED, *map(str, places)], cwd=ROOT, check=True, capture_output=True
    )
    seen = set()
    for place in places:
        password, url = _value(place, ".env", "POSTGRES_PASSWORD"), _value(place, ".env", "DATABASE_URL")
        assert url == f"postgresql://app:{password}@db:5432/app"
        seen.add(password == PASSWORD)
    assert seen == {True, False}


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="has no FIFOs")
def test_a_fifo_is_refused(project: Path) -> None:
    """An env file that is a FIFO is bad input; nothing waits for its writer."""
    (project / "backend/.env").unlink()
    os.mkfifo(project / "backend/.env")
    words = ["generate", "API_TOKEN", "--project", str(project), "--into", str(project / "backend/.env")]
    command = [sys.executable, "-m", "audit_lib", *words]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=20)
    assert (done.returncode, "is a FIFO" in done.stderr) == (2, True)


def test_nothing_is_replaced_that_cannot_be_recorded(project: Path) -> None:
    """If the ledger refuses the record, no file was changed before."""
    words = ("--into", str(project / "backend/.env"), "--writer", "ann")
    assert _run(project, "JWT_SECRET_KEY", *words).exit_code == 0
    before = (project / "backend/.env").read_bytes()
    with (project / ".audit/ledger/ann.jsonl").open("ab") as chain:
        chain.write(b"{}\n")
    done = _run(project, "API_TOKEN", *words)
    assert (done.exit_code, "continue with another writer" in done.output) == (2, True)
    assert (project / "backend/.env").read_bytes() == before
