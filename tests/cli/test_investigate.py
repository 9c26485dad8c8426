"""`investigate`: first steps at once, then notebook, page and evidence, whole or not at all."""

import io
import json
import shutil
import subprocess
import sys
import zipfile
from hashlib import sha256
from pathlib import Path

import nbformat
import pytest
from click.testing import CliRunner

from audit_lib.__main__ import main
from audit_lib.cli.investigate import _folder
from audit_lib.incident.first_steps import steps
from audit_lib.report.publish.incident_evidence import ARTEFACTS
from audit_lib.sample.configuration import DEPLOYS
from audit_lib.settings import bundled_policy, load_project
from tests.support.browser import browser, new_page
from tests.support.fakes import fake_value
from tests.support.paths import ROOT
from tests.support.payloads import MARKUP, payloads
from tests.support.sample_copy import write_sample
from tests.test_injection import FOREIGN

MESSAGES = [text for text in payloads("http://127.0.0.1:9", 8000, MARKUP) if text.strip()][:20]
WINDOW = ("--since", "2026-08-19", "--until", "2026-08-22")


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """Folder and output of an investigation of the sample's brute force, with deploys of an attacker."""
    folder = tmp_path_factory.mktemp("investigate")
    write_sample(folder / "sample")
    with (folder / "sample" / DEPLOYS).open("a", encoding="utf-8") as listed:
        for text in MESSAGES:
            commit = {"id": "0" * 40, "message": text}
            listed.write(json.dumps({"createdAt": "2026-08-20T12:00:00Z", "commit": commit}) + "\n")
        listed.write('{"createdAt": "yesterday"}\n')
    given = ["investigate", "--project", str(folder / "sample"), *WINDOW, "--out", str(folder / "out")]
    given += ["--discovered", "2026-08-20T05:10+02:00"]
    done = CliRunner().invoke(main, given)
    assert done.exit_code == 0, done.output
    return folder / "out", done.output


def test_an_edited_incident_is_noticed(published: tuple[Path, str], tmp_path: Path) -> None:
    """The manifest names its key: a digest that was edited together with its file is seen, too."""
    shutil.copytree(published[0], tmp_path / "incident")
    page, listed = tmp_path / "incident" / "incident.html", tmp_path / "incident" / "MANIFEST.json"
    verify = ["verify", str(tmp_path / "incident")]
    assert "signature holds under the public DEMO key" in CliRunner().invoke(main, verify).output
    page.write_text(page.read_text("utf-8").replace("203.0.113.45", "203.0.113.46"), "utf-8")
    assert CliRunner().invoke(main, verify).exit_code == 3
    manifest = json.loads(listed.read_text("utf-8"))
    manifest["files"]["incident.html"] = sha256(page.read_bytes()).hexdigest()
    listed.write_text(json.dumps(manifest), "utf-8")
    done = CliRunner().invoke(main, verify)
    assert (done.exit_code, "its signature under key" in done.output) == (3, True)
    listed.write_text(json.dumps(manifest | {"key": None}), "utf-8")
    assert "names no key, so anyone could have written it" in CliRunner().invoke(main, verify).output


def test_first_steps_come_before_the_rest(published: tuple[Path, str]) -> None:
    """Five numbered steps stand before anything that needs a kernel."""
    head = published[1].splitlines()[:6]
    assert head[0] == "First steps:"
    assert [line[:2] for line in head[1:]] == ["1.", "2.", "3.", "4.", "5."]


def test_the_planted_incident_is_told(published: tuple[Path, str]) -> None:
    """The sample's brute force is the first explanation, with its address, what to do first, and what else
    stands out, leaks in force before all; no cell failed."""
    folder, said = published
    assert "first explanation: guessed logins (likely)" in said
    assert "do first: Block the address at the edge" in said
    assert "[203.0.113.45]" in said
    told = [line for line in said.splitlines() if line.startswith("stands out: ")]
    force = "is in force in production/backend, staging/backend: look with --secret JWT_SECRET_KEY"
    assert told[0].endswith(force)
    when = "20 Aug 03:00 to 20 Aug 06:00"
    look = "--since 2026-08-19T15:00Z --until 2026-08-20T18:00Z --client 203.0.113.45"
    assert f"stands out: 40 unauthorized, {when}: look with {look}" in told
    assert "as of 2026-09-30T23:59:59Z, pinned in audit.toml" in said
    assert "the ledger is under the public DEMO key" in said
    assert "203.0.113.45" in (folder / "incident.html").read_text("utf-8")
    cells = nbformat.read(folder / "incident.ipynb", as_version=4).cells
    assert not [out for cell in cells for out in cell.get("outputs", []) if out.output_type == "error"]


def test_the_package_holds_what_its_manifest_says(published: tuple[Path, str]) -> None:
    """Every file of the package is listed with its hash; quoted lines are among them."""
    folder, _ = published
    assert {path.name for path in folder.iterdir()} == set(ARTEFACTS)
    with zipfile.ZipFile(io.BytesIO((folder / "evidence.zip").read_bytes())) as archive:
        contents = {name: archive.read(name) for name in archive.namelist()}
    listed = json.loads(contents.pop("MANIFEST.json"))["files"]
    assert listed == {name: sha256(content).hexdigest() for name, content in contents.items()}
    assert b"Failed login attempt" in contents["tables/quoted_lines.csv"]
    assert b'"discovered","2026-08-20T03:10:00Z","as given' in contents["tables/record.csv"]


def test_a_deploy_list_that_is_not_whole_is_told(published: tuple[Path, str]) -> None:
    """The command names the entry and its fault, and goes on."""
    number = 7 + len(MESSAGES) + 1
    place = f"{DEPLOYS}:{number + 2}: entry #{number}: createdAt must be a date or time"
    assert f"the deploy list is incomplete: {DEPLOYS}: {place}" in published[1]


def test_on_a_phone_tables_of_text_fit_the_page(published: tuple[Path, str]) -> None:
    """At 400 px what stands out, and where it leaked, need no scrolling: a card a row."""
    with browser() as chromium:
        page = new_page(chromium, viewport={"width": 400, "height": 900})
        page.goto((published[0] / "incident.html").as_uri())
        for title in ("What stands out", "Places of the leak", "What to do", "In force in the window"):
            table = page.locator("table", has=page.locator("caption", has_text=title))
            assert table.evaluate("table => table.scrollWidth") <= 400, title
            assert table.locator("tbody tr").first.evaluate("row => getComputedStyle(row).display") == "block"
        assert page.evaluate("document.documentElement.scrollWidth") == 400


def test_what_a_deploy_says_is_dead_on_the_page(published: tuple[Path, str]) -> None:
    """Commit messages of a deploy list are shown as text: in Chromium nothing lives, nothing is asked."""
    with browser() as chromium:
        page = new_page(chromium)
        asked: list[str] = []
        page.on("request", lambda request: asked.append(request.url))
        page.goto((published[0] / "incident.html").as_uri())
        assert page.evaluate(FOREIGN) == []
        assert page.locator("td", has_text="127.0.0.1:9").count() >= len(MESSAGES)
        assert [url for url in asked if not url.startswith(("file:", "data:"))] == []


@pytest.mark.long
def test_nbval_replays_the_published_notebook(published: tuple[Path, str]) -> None:
    """Run again, every output of the sample's incident is the same."""
    folder, _ = published
    command = [sys.executable, "-m", "pytest", "--nbval", "-q", str(folder / "incident.ipynb")]
    root = ROOT
    command += ["-c", str(root / "pyproject.toml"), "--rootdir", str(root)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=root)
    assert done.returncode == 0, done.stdout[-3000:]


@pytest.mark.parametrize(
    ("secret", "actions"),
    [
        ("", ["ask", "keep", "record", "look", "rotate"]),
        ("API_TOKEN", ["record", "make", "replace", "restart", "rebuild", "think", "verify", "purge"]),
        ("TRADIER_API_KEY", ["record", "make", "replace", "restart", "revoke", "verify", "purge"]),
        ("NO_SUCH", ["record", "replace", "revoke", "verify", "add"]),
    ],
)
def test_the_steps_follow_the_couplings(secret: str, actions: list[str]) -> None:
    """A provider's key is revoked once the new one works, a pair set together, a public half rebuilt."""
    assert [step.action for step in steps(bundled_policy("paiid"), secret)] == actions


def test_an_empty_folder_is_no_application(tmp_path: Path) -> None:
    """Nothing was read, so nothing is published and the command ends with 2."""
    (tmp_path / "empty").mkdir()
    given = ["investigate", "--project", str(tmp_path / "empty"), "--out", str(tmp_path / "out")]
    done = CliRunner().invoke(main, given)
    assert done.exit_code == 2, done.output
    assert "nothing of an application was found here" in done.output
    assert not (tmp_path / "out").exists()


def test_a_broken_policy_does_not_stop_the_first_steps(tmp_path: Path) -> None:
    """The steps are printed, then the fault ends the command with exit code 2."""
    (tmp_path / "audit.toml").write_text("[formats]\nx = 3\n", "utf-8")
    done = CliRunner().invoke(
        main, ["investigate", "--project", str(tmp_path), "--out", str(tmp_path / "out")]
    )
    assert done.exit_code == 2
    assert done.output.count("First steps:") == 1
    assert not (tmp_path / "out").exists()


def test_the_folder_bears_only_what_is_a_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each question has a folder; a value that is given for a name is in no path and no output."""
    write_sample(tmp_path / "sample")
    monkeypatch.chdir(tmp_path)
    value = fake_value("pasted", 40)
    given = ["investigate", "--project", "sample", "--secret", value, "--client", value]
    refused = CliRunner().invoke(main, given)
    assert refused.exit_code == 2
    assert value not in refused.output
    assert not [path for path in tmp_path.rglob("*") if value[:12] in path.name]
    project = load_project(tmp_path / "sample")
    asked = {"since": "2026-08-19", "until": "", "client": "2001:db8::9"}
    folder = _folder(project, "2026-09-30", "API_TOKEN", asked)
    assert folder.name.startswith("sample-incident-2026-09-30-2026-08-19T")
    assert folder.name.endswith("-API_TOKEN-2001-db8--9")
    assert _folder(project, "2026-09-30", "", asked | {"client": value}) != folder
    assert value not in str(_folder(project, "2026-09-30", "", asked | {"client": value}))
