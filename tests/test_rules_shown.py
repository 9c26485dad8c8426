"""Each rule of the guide can fail, and does in a project that breaks it; a project in order fails none."""

from pathlib import Path

from audit_lib.audit import run_audit
from audit_lib.report.rule_results import tabulate_rules
from audit_lib.settings import bundled_policy, load_project
from audit_lib.settings.guide_rules import guide_rules
from tests.support.clean_project import write_clean
from tests.support.worst_project import write_worst

# A check decides these, and what it finds proves no failure.
NEVER_PROVEN = {
    "12": "no evidence shows whether the feature is used that needs the secret",
    "124": "a day without a line does not show that nobody watched: nothing may have been written",
    "125": "a log that begins late does not show that an older one was thrown away",
}
# By rule: what of the program holds it. A test of that part sees it fail.
HELD = ("57", "59", "77", "138")
# A procedure, a place that is not at hand, or what only a provider knows: the rule gives its reason.
NOT_DECIDABLE = (
    *("45", "46", "47", "53", "54", "56", "79", "87", "88", "89", "90", "92", "93", "94", "95", "96", "113"),
    *("135", "136", "D13"),
)
# What the guide's prose alone could decide: no text is judged.
PROSE = [rule.number for rule in guide_rules(bundled_policy("paiid")) if "prose" in rule.not_decidable]
# What a project can do nothing about: it lies in the guide.
DEMANDED_BY_THE_GUIDE = {
    "10": "it requires a billable key in the browser: to have it is an exposure, to lack it a breach",
    "48": "it requires the backend's token in the browser",
    "117": "its names of the frontend have the key of rule 10 among them",
}
SHOWN_TO_HOLD = [
    *("1", "2", "3", "4", "6", "7", "8", "9", "11", "12", "13", "14", "15", "16", "18", "19", "20", "21"),
    *("22", "23", "24", "25", "26", "27", "28", "29", "30", "31", "32", "33", "34", "35", "36", "37"),
    *("38", "40", "41", "42", "43", "44", "51", "52", "61", "63", "66", "67", "76", "80", "84"),
    *("91", "97", "98", "99", "100", "101", "102", "103", "106", "108", "109", "112", "124"),
    *("125", "126", "127", "130", "131", "D24"),
]


def test_each_rule_that_something_decides_can_fail(tmp_path: Path) -> None:
    """In a project that breaks every rule each one fails but those named above, and those give a reason."""
    audit = run_audit(load_project(write_worst(tmp_path / "worst")), "2026Q3", "2026-09-30")
    results = tabulate_rules(audit).set_index("rule")
    others = {
        **dict.fromkeys(NEVER_PROVEN, "unknown"),
        **dict.fromkeys(HELD, "held"),
        **dict.fromkeys((*NOT_DECIDABLE, *PROSE), "not decidable"),
    }
    assert dict(results["verdict"]) == {rule: others.get(rule, "fail") for rule in results.index}
    assert len(results) == 187
    assert results.loc[[*NEVER_PROVEN, *NOT_DECIDABLE], "reason"].ne("").all()


def test_a_project_in_order_fails_no_rule(tmp_path: Path) -> None:
    """What does everything right passes each rule that its evidence reaches; what is unknown has a reason."""
    project, given = write_clean(tmp_path / "clean")
    audit = run_audit(load_project(project), "2026Q3", "2026-09-30", given=given)
    results = tabulate_rules(audit).set_index("rule")
    by_verdict = {verdict: list(rows.index) for verdict, rows in results.groupby("verdict")}
    assert by_verdict["fail"] == list(DEMANDED_BY_THE_GUIDE)
    assert by_verdict["pass"] == SHOWN_TO_HOLD
    assert results.loc[by_verdict["unknown"], "reason"].ne("").all()
