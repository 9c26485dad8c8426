"""Results of other scanners: each becomes one leak, a bad file says where it is bad."""

import json
from pathlib import Path
from typing import Any

import pytest

from audit_lib.base.errors import BadInput
from audit_lib.leaks.find_leaks import LeakAudit, find_leaks
from audit_lib.leaks.scanner_reports import Reported, read_reports
from audit_lib.leaks.secret_patterns import Shapes
from audit_lib.secrecy.keeper import Keeper, Key
from audit_lib.secrets.contracts import EnvEntries, Inventory
from audit_lib.settings import Project, bundled_policy
from tests.support.fakes import fake_value
from tests.support.planter import new_plot

VALUE = fake_value("reported")
PLACE = {"path": "a/b.py", "line": 7}


def _sarif(text: str = VALUE, **result: Any) -> dict[str, Any]:
    region = {"startLine": 7, "snippet": {"text": text}}
    place = {"artifactLocation": {"uri": "a/b.py"}, "region": region}
    one = {"ruleId": "rule", "locations": [{"physicalLocation": place}]} | result
    return {"version": "2.1.0", "runs": [{"tool": {"driver": {"name": "x"}}, "results": [one]}]}


def _gitleaks(text: str = VALUE) -> dict[str, Any]:
    return {"RuleID": "rule", "File": "a/b.py", "StartLine": 7, "Secret": text, "Commit": ""}


def _trufflehog(text: str = VALUE) -> dict[str, Any]:
    place = {"file": "a/b.py", "line": 7, "commit": ""}
    return {"SourceMetadata": {"Data": {"Git": place}}, "DetectorName": "rule", "Raw": text, "Verified": True}


def _kingfisher(text: str = VALUE) -> dict[str, Any]:
    return {"rule": {"name": "Rule", "id": "rule"}, "finding": {"snippet": text, **PLACE}}


def _betterleaks(text: str = VALUE) -> dict[str, Any]:
    place = {"path": "a/b.py", "start_line": 7}
    return {"rule_id": "rule", "match": {"value": text}, "attributes": {"git.sha": ""}, "location": place}


def _github(text: str = VALUE) -> dict[str, Any]:
    place = {"path": "a/b.py", "start_line": 7}
    return {"number": 1, "secret_type": "rule", "secret": text, "first_location_detected": place}


def _lines(*items: Any) -> str:
    return "".join(json.dumps(item) + "\n" for item in items)


REPORTS = {
    "sarif": json.dumps(_sarif()),
    "sarif, a line as snippet": json.dumps(_sarif(f"API_TOKEN = '{VALUE}'")),
    "gitleaks": json.dumps([_gitleaks()]),
    "trufflehog": _lines(_trufflehog(), _trufflehog()),
    "kingfisher": json.dumps({"findings": [_kingfisher()]}),
    "kingfisher, a line each": _lines(_kingfisher(), _kingfisher()),
    "betterleaks": json.dumps({"findings": [_betterleaks()]}),
    "github": json.dumps([_github()]),
}


def _read(text: str, folder: Path) -> tuple[list[Reported], Keeper]:
    keeper = Keeper(Key(b"k" * 32, "file"))
    file = folder / "report.json"
    file.write_text(text)
    return read_reports((file,), folder, Shapes(keeper, ())), keeper


@pytest.mark.parametrize("name", REPORTS)
def test_every_format_is_read(name: str, tmp_path: Path) -> None:
    """Rule, place and value come out of each format, once, and the value is in the keeper alone."""
    found, keeper = _read(REPORTS[name], tmp_path)
    assert found == [Reported("a/b.py", 7, "rule", "", keeper.fingerprint(VALUE))]
    assert VALUE not in repr(found)


@pytest.mark.parametrize("text", ["", "REDACTED", f"{VALUE[:9]}...", "two words", "a=1; b=2", "short"])
def test_a_withheld_value_is_none(text: str, tmp_path: Path) -> None:
    """What is redacted, cut off or no value is not searched for."""
    assert _read(json.dumps([_gitleaks(text)]), tmp_path)[0][0].fingerprint == ""


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('{\n"runs": [', "report.json:2: is not JSON"),
        ('{"findings": []}\n{"x', "report.json:2: is not JSON"),
        ("[1]", "report.json: must be a report of"),
        ('{"a": 1}', "report.json: must be a report of"),
        (json.dumps([_gitleaks(), _gitleaks() | {"File": 3}]), "report.json: result 2 has no text at 'File'"),
        (json.dumps([_gitleaks() | {"RuleID": ""}]), "report.json: result 1 names no rule"),
        (json.dumps(_sarif(locations=3)), "report.json: result 1 has no list at 'locations'"),
        (json.dumps([_github() | {"first_location_detected": [1]}]), "has no object at"),
        ("[" * 100_000, "report.json: is nested too deeply"),
        ("\udcff", "report.json: is not UTF-8"),
    ],
)
def test_a_bad_report_says_where(text: str, said: str, tmp_path: Path) -> None:
    """The file and the line or the number of the result come first, then the fault, and no value."""
    file = tmp_path / "report.json"
    file.write_bytes(text.encode("utf-8", "surrogateescape"))
    with pytest.raises(BadInput) as caught:
        read_reports((file,), tmp_path, Shapes(Keeper(Key(b"k" * 32, "file")), ()))
    assert said in str(caught.value)
    assert VALUE not in str(caught.value)


def test_all_faults_of_a_report_are_said_at_once(tmp_path: Path) -> None:
    """Two odd results are two faults; of very many the last line says how many more there are."""
    with pytest.raises(BadInput) as caught:
        _read(json.dumps([_gitleaks() | {"File": ""}, _gitleaks(), _gitleaks() | {"RuleID": 1}]), tmp_path)
    assert len(caught.value.faults) == 2
    with pytest.raises(BadInput) as caught:
        _read(json.dumps([_gitleaks() | {"File": ""}] * 33), tmp_path)
    assert [fault.text for fault in caught.value.faults[19:]] == ["result 20 names no file", "13 more faults"]


def test_each_result_is_one_leak(tmp_path: Path) -> None:
    """By its value or its line it joins a known leak, is found elsewhere, or stands alone as not known."""
    plot = new_plot(tmp_path / "repo")
    known, lost = fake_value("known"), fake_value("lost")
    plot.commit("a/b.py", f"API_TOKEN = '{known}'\nplain({VALUE})\n")
    results = [
        _gitleaks(known),
        _gitleaks("REDACTED") | {"StartLine": 1},  # the line of the one before
        _gitleaks(VALUE) | {"File": "other.py"},
        _gitleaks(lost) | {"File": "gone.py"},
        _gitleaks("REDACTED") | {"File": "gone.py", "StartLine": 3},
    ]
    report = tmp_path / "report.json"
    report.write_text(json.dumps(results))
    keeper = Keeper(Key(b"k" * 32, "file"))
    found = _find(plot.root, keeper, (report,))
    by_place = found.places.groupby("leak_id")["path"].agg(set)
    paths = sorted(sorted(by_place[leak]) for leak in found.leaks["leak_id"])
    assert paths == [["a/b.py"], ["a/b.py"], ["gone.py"], ["gone.py"]]
    assert set(found.leaks["force"]) == {"not known"}
    rows = found.coverage[found.coverage["part"] == "reports"]
    assert list(rows["count"]) == [5, 2]


def _find(root: Path, keeper: Keeper, reports: tuple[Path, ...]) -> LeakAudit:
    entries, inventory = EnvEntries.of([]), Inventory.of([])
    return find_leaks(
        Project("p", root), keeper, bundled_policy("generic"), entries, inventory, reports=reports
    )
