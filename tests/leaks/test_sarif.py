"""Results of other scanners: each becomes one leak, a bad file says where it is bad."""

import json
from pathlib import Path
from typing import Any

import pytest

from audit_lib.base.errors import BadInput
from audit_lib.leaks.find_leaks import LeakAudit, find_leaks
from audit_lib.leaks.rules import Rules
from audit_lib.leaks.sarif import Reported, read_reports
from audit_lib.leaks.search import LeakOptions
from audit_lib.secrecy.keeper import Keeper, Key
from audit_lib.secrets.contracts import EnvEntries, Inventory
from audit_lib.settings import Project, bundled_policy
from tests.support.fakes import fake_value
from tests.support.planter import new_plot

VALUE = fake_value("reported")


def _result(text: str = VALUE, path: str = "a/b.py", line: int = 7, **more: Any) -> dict[str, Any]:
    region = {"startLine": line, "snippet": {"text": text}}
    place = {"artifactLocation": {"uri": path}, "region": region}
    return {"ruleId": "rule", "locations": [{"physicalLocation": place}]} | more


def _sarif(*results: dict[str, Any]) -> str:
    runs = [{"tool": {"driver": {"name": "x"}}, "results": list(results)}]
    return json.dumps({"version": "2.1.0", "runs": runs})


def _read(text: str, folder: Path) -> tuple[list[Reported], Keeper]:
    keeper = Keeper(Key(b"k" * 32, "file"))
    file = folder / "report.json"
    file.write_text(text)
    return read_reports((file,), folder, Rules(keeper, ())), keeper


@pytest.mark.parametrize("snippet", [VALUE, f"API_TOKEN = '{VALUE}'"])
def test_a_result_is_read(snippet: str, tmp_path: Path) -> None:
    """Rule, place and value come out of each result, once, and the value is in the keeper alone."""
    found, keeper = _read(_sarif(_result(snippet), _result(snippet)), tmp_path)
    assert found == [Reported("a/b.py", 7, "rule", "", keeper.fingerprint(VALUE))]
    assert VALUE not in repr(found)


@pytest.mark.parametrize("text", ["", "REDACTED", f"{VALUE[:9]}...", "two words", "a=1; b=2", "short"])
def test_a_withheld_value_is_none(text: str, tmp_path: Path) -> None:
    """What is redacted, cut off or no value is not searched for."""
    found, _ = _read(_sarif(_result(text)), tmp_path)
    assert found[0].fingerprint == ""


@pytest.mark.parametrize(
    ("text", "places"),
    [
        ('{\n"runs": [', ["report.json"]),
        ("[1]", ["report.json"]),
        ('{"runs": [3]}', ["report.json.runs.0"]),
        (_sarif(_result(), _result(ruleId=3)), ["report.json.runs.0.results.1.ruleId"]),
        (_sarif(_result(ruleId=""), _result(ruleId=1)), ["report.json.runs.0.results"] * 2),
        (_sarif(_result(locations=3)), ["report.json.runs.0.results.0.locations"]),
        ("[" * 100_000, ["report.json"]),
        ("\udcff", ["report.json"]),
        (_sarif(*[_result(ruleId="")] * 33), ["report.json"] * 20 + ["--import"]),
    ],
)
def test_a_bad_report_says_where(text: str, places: list[str], tmp_path: Path) -> None:
    """File and result come first, then the fault, all at once and no value; the last line counts the rest."""
    file = tmp_path / "report.json"
    file.write_bytes(text.encode("utf-8", "surrogateescape"))
    with pytest.raises(BadInput) as caught:
        read_reports((file,), tmp_path, Rules(Keeper(Key(b"k" * 32, "file")), ()))
    assert len(caught.value.faults) == len(places)
    for fault, place in zip(caught.value.faults, places, strict=True):
        assert place in fault.place
    assert VALUE not in str(caught.value)


def test_each_result_is_one_leak(tmp_path: Path) -> None:
    """By its value or its line it joins a known leak, is found elsewhere, or stands alone as not known."""
    plot = new_plot(tmp_path / "repo")
    known, lost = fake_value("known"), fake_value("lost")
    plot.commit("a/b.py", f"API_TOKEN = '{known}'\nplain({VALUE})\n")
    results = [
        _result(known),
        _result("REDACTED", line=1),  # the line of the one before
        _result(VALUE, "other.py"),
        _result(lost, "gone.py"),
        _result("REDACTED", "gone.py", 3),
    ]
    report = tmp_path / "report.json"
    report.write_text(_sarif(*results))
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
    options = LeakOptions(reports=reports)
    return find_leaks(
        Project("p", root), keeper, bundled_policy("generic"), entries, inventory, options=options
    )
