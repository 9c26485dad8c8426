"""Results of other scanners: each becomes one leak, a bad file says where it is bad."""

import json
from pathlib import Path
from typing import Any

import pytest

from audit_lib.base.errors import BadInput
from audit_lib.leaks.find_leaks import read_reports
from audit_lib.leaks.rules import Rules
from audit_lib.leaks.sources import Reading
from audit_lib.leaks.tables import shows_no_leak
from audit_lib.secrecy.keeper import Keeper, Key
from tests.leaks.test_find_leaks import audit
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


def _read(text: str, folder: Path) -> tuple[set[str], list[str], Keeper]:
    """The fingerprints of the values, the places without one, and who holds the values."""
    keeper, reading = Keeper(Key(b"k" * 32, "file")), Reading()
    file = folder / "report.json"
    file.write_text(text)
    shapes = read_reports((file,), Rules(keeper, ()), reading)
    return {shape.fingerprint for shape in shapes}, [one.place for one in reading.left_out], keeper


@pytest.mark.parametrize("text", ["", "REDACTED", f"{VALUE[:9]}...", "two words", "a=1; b=2", "short"])
def test_a_withheld_value_is_said(text: str, tmp_path: Path) -> None:
    """What is redacted, cut off or no value is not searched for: its place is named."""
    values, left_out, _ = _read(_sarif(_result(text)), tmp_path)
    assert (values, left_out) == (set(), ["a/b.py:7"])


@pytest.mark.parametrize(("text", "places"), [
    ('{\n"runs": [', ["report.json"]), ("[1]", ["report.json"]), ('{"runs": [3]}', ["report.json.runs.0"]),
    (_sarif(_result(), _result(ruleId=3)), ["report.json.runs.0.results.1.ruleId"]),
    (_sarif(_result(ruleId=""), _result(ruleId=1)), ["report.json.runs.0.results"] * 2),
    (_sarif(_result(locations=3)), ["report.json.runs.0.results.0.locations"]),
    ("[" * 100_000, ["report.json"]), ("\udcff", ["report.json"]),
    (_sarif(*[_result(ruleId="")] * 33), ["report.json"] * 20 + ["--import"]),
])  # fmt: skip
def test_a_bad_report_says_where(text: str, places: list[str], tmp_path: Path) -> None:
    """File and result come first, then the fault, all at once and no value; the last line counts the rest."""
    file = tmp_path / "report.json"
    file.write_bytes(text.encode("utf-8", "surrogateescape"))
    with pytest.raises(BadInput) as caught:
        read_reports((file,), Rules(Keeper(Key(b"k" * 32, "file")), ()), Reading())
    assert len(caught.value.faults) == len(places)
    for fault, place in zip(caught.value.faults, places, strict=True):
        assert place in fault.place
    assert VALUE not in str(caught.value)


def test_a_value_of_a_report_is_found_where_it_is(tmp_path: Path) -> None:
    """It joins a known leak or is one; a result without its value never counts as searched."""
    plot, known = new_plot(tmp_path / "repo"), fake_value("known")
    plot.commit("a/b.py", f"API_TOKEN = '{known}'\nplain({VALUE})\n")
    results = _result(known), _result(VALUE, "other.py"), _result(fake_value("lost"), "wiki.md")
    report = tmp_path / "report.json"
    report.write_text(_sarif(*results, _result("REDACTED", "gone.py", 3)))
    found, _ = audit(plot.root, tmp_path, reports=(report,))
    assert len(found.leaks) == 3
    assert set(found.places["path"]) == {"a/b.py", "wiki.md"}
    rows = found.coverage[found.coverage["part"] == "reports"]
    assert list(zip(rows["state"], rows["count"], strict=True)) == [("partly", 4), ("not searched", 1)]
    assert not shows_no_leak(found.coverage)
