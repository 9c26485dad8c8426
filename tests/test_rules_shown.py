"""Each rule of the guide can fail, and does in a project that breaks it; a project in order fails none."""

from pathlib import Path

from audit_lib.audit import run_audit
from audit_lib.project import load_project
from audit_lib.report.rule_results import tabulate_rules
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


def test_each_rule_that_something_decides_can_fail(tmp_path: Path) -> None:
    """In a project that breaks every rule each one fails but those named above, and those give a reason."""
    audit = run_audit(load_project(write_worst(tmp_path / "worst")), "2026Q3", "2026-09-30")
    results = tabulate_rules(audit).set_index("rule")
    others = {
        **dict.fromkeys(NEVER_PROVEN, "unknown"),
        **dict.fromkeys(HELD, "held"),
        **dict.fromkeys(NOT_DECIDABLE, "not decidable"),
    }
    assert dict(results["verdict"]) == {rule: others.get(rule, "fail") for rule in results.index}
    assert len(results) == 187
    assert results.loc[[*NEVER_PROVEN, *NOT_DECIDABLE], "reason"].ne("").all()
