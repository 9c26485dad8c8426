"""`rotate new`: values by the policy's rules, replaced with their twins, recorded, killed at any byte."""

import json
import os
import re
import shutil
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from click.testing import CliRunner, Result

from audit_lib.__main__ import main
from audit_lib.base.clock import iso
from audit_lib.rotation.validation import made_value, new_value_faults
from audit_lib.settings import SecretRule, bundled_policy
from tests.support.fakes import fake_value
from tests.support.paths import ROOT, rows_beside

CASES = rows_beside(__file__)
POLICY = bundled_policy("paiid")
MADE = [rule for rule in POLICY.secrets if rule.generate or rule.component == "password"]
PASSWORD = fake_value("password", 32)
BACKEND = (
    f"# backend\nAPI_TOKEN='{fake_value('token')}'\n"
    f"DATABASE_URL=postgresql://paiid:{PASSWORD}@db.paiid.internal:5432/paiid\nLEVEL=info\n"
)
FRONTEND = f"NEXT_PUBLIC_API_TOKEN={fake_value('token')}\nNEXT_PUBLIC_BACKEND_API_BASE_URL=https://x\n"
PLACES = {
    "backend/.env": ("backend", BACKEND),
    "backend/.env.bak": ("backend", BACKEND),
    "frontend/.env.local": ("frontend", FRONTEND),
}


def _app(root: Path, places: dict[str, tuple[str, str]]) -> Path:
    """An application with two services, and both halves of a pair; what ends in .bak is a backup."""
    layout = 'extends = "paiid"\nenvironments = ["production"]\n'
    for place, (service, text) in places.items():
        path = root / place
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
        path.chmod(0o600)
        layout += f'[[env]]\npath = "{place}"\nenvironment = "production"\nservice = "{service}"\n'
        layout += f'loader = "{"next" if service == "frontend" else "python-dotenv"}"\n'
        layout += "backup = true\n" * place.endswith(".bak")
    (root / "audit.toml").write_text(layout, "utf-8")
    return root


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """The application, to which nothing was done."""
    return _app(tmp_path / "app", PLACES)


def _run(project: Path, *words: str, given: str = "") -> Result:
    return CliRunner().invoke(main, ["rotate", "new", *words, "--project", str(project)], input=given)


def _entries(project: Path) -> list[dict[str, object]]:
    chains = sorted((project / ".audit" / "ledger").glob("*.jsonl"))
    return [json.loads(line) for chain in chains for line in chain.read_text("ascii").splitlines()]


def _value(project: Path, place: str, name: str) -> str:
    return str(re.findall(rf"(?m)^{name}=(.*)$", (project / place).read_text("utf-8"))[0])


@pytest.mark.parametrize("rule", MADE, ids=[rule.name for rule in MADE])
def test_a_made_value_meets_its_rules(rule) -> None:
    """By every rule of the policy, in every environment, with 128 bits or more, and never twice the same."""
    for environment in ("development", "production"):
        values = [made_value(rule, POLICY, environment) for _ in range(50)]
        assert len(set(values)) == 50
        assert not [fault for one in values for fault in new_value_faults(rule, one, POLICY, environment)]
        assert min(len(one) * (4 if re.fullmatch("[0-9a-f]+", one) else 6) for one in values) >= 128


@pytest.mark.parametrize("more", [{"component": "password"}, {"classes": ("digit",)}, {}])
def test_a_password_has_all_kinds_of_signs(more: dict[str, Any]) -> None:
    """So has what needs a kind of them: 32 signs that no URL escapes, a letter first. Others need not."""
    made = made_value(SecretRule("OWN", "backend", "secret", "always", **more), POLICY, "production")
    kinds = [re.search(kind, made[1:]) is not None for kind in ("[a-z]", "[A-Z]", "[0-9]", "[-._]")]
    assert (re.fullmatch(r"[A-Za-z][\w.-]{31}", made) is not None and all(kinds)) is bool(more)


def test_a_pair_is_replaced_and_recorded(project: Path) -> None:
    """Both halves get one value; nothing else changes; the ledger has old and new fingerprint of both."""
    done = _run(project, "API_TOKEN", "--into", str(project / "backend/.env"), "--reason", "scheduled")
    token = _value(project, "backend/.env", "API_TOKEN")
    assert token == _value(project, "frontend/.env.local", "NEXT_PUBLIC_API_TOKEN") != fake_value("token")
    assert (done.exit_code, token in done.output) == (0, False)
    assert (project / "backend/.env").read_text("utf-8") == BACKEND.replace(f"'{fake_value('token')}'", token)
    bodies = [entry["body"] for entry in _entries(project)]
    assert [body["secret"] for body in bodies] == ["API_TOKEN", "NEXT_PUBLIC_API_TOKEN"]
    assert len({body["fingerprint"] for body in bodies}) == len({body["previous"] for body in bodies}) == 1
    assert bodies[0]["fingerprint"] != bodies[0]["previous"]
    assert {body["reason"] for body in bodies} == {"scheduled"}
    assert not list(project.rglob("*audit-lib-new"))


def test_a_value_is_entered_and_goes_where_it_is_asked_to(project: Path) -> None:
    """What a provider issued comes from stdin, is judged by the policy, and is never shown. `--fd` writes a
    value to a descriptor, and nothing to the terminal or the ledger."""
    reader, writer = os.pipe()
    done = _run(project, "JWT_SECRET_KEY", "--fd", str(writer))
    os.close(writer)
    with os.fdopen(reader) as pipe:
        assert re.fullmatch(r"[A-Za-z0-9_-]{43}\n", pipe.read())
    assert (done.exit_code, done.output, (project / ".audit").exists()) == (0, "", False)
    fixed = ("TRADIER_API_KEY", "--into", str(project / "backend/.env"), "--given")
    refused = _run(project, *fixed, given="your-key-here\n")
    assert (refused.exit_code, "is a placeholder" in refused.output) == (2, True)
    issued = fake_value("tradier", 28, "abcXYZ0123456789")
    done = _run(project, *fixed, given=f"{issued}\n")
    assert (done.exit_code, issued in done.output) == (0, False)
    assert _value(project, "backend/.env", "TRADIER_API_KEY") == issued


@pytest.mark.parametrize(("words", "fault"), CASES["faults"])
def test_what_cannot_be_done_is_said(project: Path, words: list[str], fault: str) -> None:
    """Place, then fault; nothing is written."""
    done = _run(project, *(word.replace("@", str(project)) for word in words), given="sqlite:///app.db\n")
    assert (done.exit_code, (project / ".audit" / "ledger").exists()) == (2, False)
    assert fault in done.output


def _pair(root: Path, password: str, url: str, component: str = "password") -> Path:
    root.mkdir()
    (root / "audit.toml").write_text(CASES["pair"].replace("whole", component), "utf-8")
    (root / ".env").write_text(f"POSTGRES_PASSWORD={password}\nLEVEL=info\nDATABASE_URL={url}\n", "utf-8")
    return root


@pytest.mark.parametrize("secret", ["POSTGRES_PASSWORD", "DATABASE_URL"])
@pytest.mark.parametrize("left", [PASSWORD, fake_value("left", 32)], ids=["whole", "a half is left"])
@pytest.mark.parametrize(("url", "component"), CASES["halves"])
def test_a_pair_in_one_file_is_one_write(tmp_path: Path, secret: str, left, url, component) -> None:
    """A variable and its twin within a URL beside it change together, and both are recorded."""
    root = _pair(tmp_path / "app", left, url.format(PASSWORD), component)
    done = _run(root, secret, "--into", str(root / ".env"))
    assert done.exit_code == 0, done.output
    new = _value(root, ".env", "POSTGRES_PASSWORD")
    assert new not in (PASSWORD, left)
    assert _value(root, ".env", "DATABASE_URL") == url.format(new)
    bodies = [entry["body"] for entry in _entries(root)]
    assert sorted(body["secret"] for body in bodies) == ["DATABASE_URL", "POSTGRES_PASSWORD"]
    assert len({body["fingerprint"] for body in bodies}) == 1 + (component == "whole")
    assert len({body["previous"] for body in bodies}) == 1 + (component == "whole" or left != PASSWORD)


@pytest.mark.parametrize(("text", "length", "signs", "form"), CASES["forms"])
def test_the_old_form_stays(tmp_path: Path, text: str, length: int, signs: str, form: str) -> None:
    """Programs read keys by kind of signs and length. In a URL a sign of base64 is percent-encoded."""
    old = text.format(fake_value("form", length, signs))
    root = _pair(tmp_path / "app", old, CASES["halves"][0][0].format(quote(old, safe="")))
    done = _run(root, "POSTGRES_PASSWORD", "--into", str(root / ".env"))
    new = _value(root, ".env", "POSTGRES_PASSWORD")
    assert (bool(re.fullmatch(form, new)), new != old) == (True, True), done.output
    assert f":{quote(new, safe='')}@" in _value(root, ".env", "DATABASE_URL")


# All is imported and parsed before, and Python writes no caches (-B): a child dies at the project's files.
KILLED = """
import atexit, contextlib, gc, os, resource, signal, sys
from audit_lib.__main__ import main
from audit_lib.base.clock import iso
import audit_lib.cli.records, audit_lib.rotation.runbook
atexit.register(gc.freeze)
signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
secret, file, *roots = sys.argv[1:]
with contextlib.suppress(SystemExit), contextlib.redirect_stdout(sys.stderr):
    main(["rotate", "due", "--project", roots[0]])
for root in roots:
    if not os.fork():
        limit = int(root.rpartition("at")[2])
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
        main(["rotate", "new", secret, "--project", root, "--into", f"{root}/{file}"])
    print(os.waitstatus_to_exitcode(os.wait()[1]))
"""


def _killed(secret: str, file: str, places: list[Path]) -> set[str]:
    """The exit codes of rotations that the system killed when a file got longer than the place's number."""
    command = [sys.executable, "-B", "-c", KILLED, secret, file, *map(str, places)]
    return set(subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout.split())


def test_a_pair_in_one_file_that_is_killed_is_old_or_new(tmp_path: Path, long_run: bool) -> None:
    """Killed at any byte that is written, both halves are the old ones or both are the new ones."""
    limits, form = range(0, 1900, 1 if long_run else 90), CASES["halves"][0][0].format
    places = [_pair(tmp_path / f"at{limit}", PASSWORD, form(PASSWORD)) for limit in limits]
    _killed("POSTGRES_PASSWORD", ".env", places)
    seen = set()
    for place in places:
        password, url = _value(place, ".env", "POSTGRES_PASSWORD"), _value(place, ".env", "DATABASE_URL")
        assert url == form(password)
        seen.add(password == PASSWORD)
    assert seen == {True, False}


OLD = fake_value("token")
PADDED = "# " + "x" * 1500 + "\n"  # so that the second file is larger than the ledger is by then
FILES = {
    "backend.env": ("backend", f"API_TOKEN={OLD}\nLEVEL=info\n"),
    "frontend.env": ("frontend", f"{PADDED}NEXT_PUBLIC_API_TOKEN={OLD}\n"),
}


def _tokens(root: Path) -> list[str]:
    """What both files hold; each must be whole."""
    found = [_value(root, file, "(?:NEXT_PUBLIC_)?API_TOKEN") for file in FILES]
    for token, (file, (_, text)) in zip(found, FILES.items(), strict=True):
        assert (root / file).read_text("utf-8") == text.replace(OLD, token)
    return found


def test_a_pair_that_is_killed_anywhere_is_named_and_mended(tmp_path: Path, long_run: bool) -> None:
    """At each byte old and old, new and old, or new and new; --check names the half; then it is whole."""
    app = _app(tmp_path / "app", FILES)
    # In a chain of its own: the one that the rotation is recorded in begins empty.
    words = ["snapshot", "--project", str(app), "--writer", "before"]
    assert CliRunner().invoke(main, words).exit_code == 0
    limits = range(0, 2400, 1 if long_run else 149)
    places = [Path(shutil.copytree(app, tmp_path / f"at{limit}")) for limit in limits]
    assert {"-25", "0"} <= _killed("API_TOKEN", "backend.env", places)  # SIGXFSZ, and one that went through
    states = {}
    for place in places:
        token, other = _tokens(place)
        assert other in (token, OLD)
        states[place] = (token != OLD, other != OLD)
    assert set(states.values()) == {(False, False), (True, False), (True, True)}

    halves = [place for place, state in states.items() if state == (True, False)]
    tomorrow = iso(datetime.now(UTC) + timedelta(days=1))
    words = ["rotate", "check", "API_TOKEN", "--as-of", tomorrow, "--project", str(halves[0])]
    half = "half done: one half of production: API_TOKEN in backend.env changed"
    assert half in CliRunner().invoke(main, words).output
    for place in places[::25] if long_run else [places[0], halves[0], halves[-1], places[-1]]:
        mended = _run(place, "API_TOKEN", "--into", str(place / "backend.env"))
        assert mended.exit_code == 0, mended.output
        token, other = _tokens(place)
        assert token == other != OLD
        assert not list(place.glob("*.audit-lib-new"))
        verified = CliRunner().invoke(main, ["verify", str(place / ".audit" / "ledger")])
        assert verified.exit_code == 0, verified.output


def test_a_fifo_is_refused(project: Path) -> None:
    """An env file that is a FIFO is bad input; nothing waits for its writer."""
    (project / "backend/.env").unlink()
    os.mkfifo(project / "backend/.env")
    words = ["rotate", "new", "API_TOKEN", "--project", str(project), "--into", str(project / "backend/.env")]
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
