"""Each rule of the guide has one row: what decides it, on how much, and never a pass of what was not seen."""

import tomllib
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from audit_lib.base.errors import BadInput
from audit_lib.findings.checks import CHECKS
from audit_lib.report.judge import tabulate_rules
from audit_lib.settings import bundled_policy
from audit_lib.settings.load import guide_rules
from tests.support.made_up_audit import audit
from tests.support.rows import contract_of, filled, rows_of

CASES = tomllib.loads(Path(__file__).with_suffix(".toml").read_text("utf-8"))
RULE = '[[rule]]\nnumber = "{}"\nsays = "x"\n{}\n'
WEAK = 'checks = ["weak-value"]'


def _rules(tmp_path: Path, content: str, name: str = "rules.toml", **tables: pd.DataFrame) -> pd.DataFrame:
    """The rows of the rules in a file that the policy names."""
    (tmp_path / "rules.toml").write_text(content)
    made = audit(**tables)
    made.policy = replace(made.policy, path=tmp_path / "policy.toml", rules=name)
    return tabulate_rules(made)


def _result(tmp_path: Path, decider: str, *inventory: dict[str, Any], **tables: pd.DataFrame) -> Any:
    """The row of one rule, by the rows of an inventory without fault but for these changes."""
    own = {"inventory": rows_of("inventory", *inventory), "sources": rows_of("sources", {})}
    (row,) = _rules(tmp_path, RULE.format("R1", decider), **(own if inventory else {}) | tables).itertuples()
    return row


def test_each_rule_of_the_guide_has_one_row() -> None:
    """1 to 147, then the contradictions D1 to D40, each with what decides it: none is forgotten. Of a
    stranger's policy each check is a rule."""
    rules = guide_rules(bundled_policy("paiid"))
    numbers = [*map(str, range(1, 148)), *(f"D{number}" for number in range(1, 41))]
    assert [rule.number for rule in rules] == numbers
    assert {name for rule in rules for name in rule.checks} <= {check.id for check in CHECKS}
    assert {rule.question for rule in rules if rule.question} <= {str(n) for n in range(139, 148)}
    assert tabulate_rules(audit())["rule"].tolist() == [check.id for check in CHECKS]


@pytest.mark.parametrize(("changes", "counts", "verdict"), CASES["counts"])
def test_a_rule_counts_what_it_is_about(
    tmp_path: Path, changes: list[dict[str, Any]], counts: list[int], verdict: str
) -> None:
    """Population, tested, exceptions and not known of its secrets alone, each row once for all its checks."""
    row = _result(tmp_path, f'{WEAK}\nsecrets = ["API_TOKEN"]', *changes)
    assert [row.population, row.tested, row.exceptions, row.not_known, row.verdict] == [*counts, verdict]


def test_a_rule_beyond_its_checks_never_passes(tmp_path: Path) -> None:
    """All that was asked is good, and something of the rule was not asked: unknown, with what that is. So it
    is where nothing was read of which it asks."""
    row = _result(tmp_path, f'{WEAK}\nbeyond = "the rest"', {})
    assert (row.exceptions, row.verdict, row.reason) == (0, "unknown", "not reached: the rest")
    row = _result(tmp_path, WEAK, {}, sources=rows_of("sources", {"state": "missing"}))
    assert (row.verdict, row.reason[:21]) == ("unknown", "not seen: an env file")


def test_what_no_log_was_known_to_say_has_not_passed(tmp_path: Path) -> None:
    """A message of a kind never met, in words that nobody knows, may have been there; so may a limit."""
    for check, kinds, known, verdict in CASES["wording"]:
        events = filled(contract_of("log_events"), [{"status": None, "kind": kind} for kind in kinds])
        tables = {"log_events": events, "watch": audit().watch.model_copy(update={"known_messages": known})}
        assert _result(tmp_path, f'checks = ["{check}"]', **tables).verdict == verdict, check


@pytest.mark.parametrize("check", ["placeholder-value", "ambiguous-url", "weak-value", "forbidden-format"])
def test_what_was_not_supplied_has_not_passed(tmp_path: Path, check: str) -> None:
    """A question that cannot be asked of a value that nobody supplied leaves the rule unknown."""
    nothing = dict.fromkeys(("default_ok", "url_ok", "classes_ok", "forbidden_format_ok", "placeholder"))
    row = _result(tmp_path, f'checks = ["{check}"]', {}, nothing | {"state": "not supplied"})
    assert (row.population, row.not_known, row.verdict) == (2, 1, "unknown")


def test_evidence_is_of_the_secret_itself(tmp_path: Path) -> None:
    """A finding on NEXT_PUBLIC_API_TOKEN is no evidence about API_TOKEN."""
    fault = {"check": "weak-value", "status": "open", "severity": "low"}
    found = [{"id": name, "subject": name, **fault} for name in ("API_TOKEN", "NEXT_PUBLIC_API_TOKEN")]
    findings = filled(contract_of("findings"), found)
    assert _result(tmp_path, f'{WEAK}\nsecrets = ["API_TOKEN"]', findings=findings).evidence == ("API_TOKEN",)


def test_an_answer_counts_as_long_as_it_holds(tmp_path: Path) -> None:
    """A rule for people is attested by a name, and unknown without one or after its end."""
    expected = {"attested": "attested", "answered no": "fail", "expired": "unknown", "open": "unknown"}
    for status, verdict in expected.items():
        rows = rows_of("attestations", {"rule": "R9", "status": status, "by": "Bo", "reason": "seen"})
        assert _result(tmp_path, 'question = "R9"', attestations=rows).verdict == verdict


def test_a_leak_counts_in_the_places_that_a_rule_names(tmp_path: Path) -> None:
    """A value in a document is an exception of the rule on documents, and none of that on source code."""
    held = {"leaks": {"leak_id": "leak-1", "kind": "leak", "matched": "exact", "force": "not known"}}
    held |= {"leak_places": {"leak_id": "leak-1", "place": "working tree", "path": "docs/a.md"}}
    tables = {name: filled(contract_of(name), [row]) for name, row in held.items()}
    decider = 'leaks_in = ["working tree"]\npaths = ["*.{}"]'
    in_text, in_code = (_result(tmp_path, decider.format(ending), **tables) for ending in ("md", "py"))
    assert (in_text.verdict, in_text.evidence) == ("fail", ("leak-1",))
    assert (in_text.exceptions, in_code.exceptions) == (1, 0)


@pytest.mark.parametrize(("deciders", "said"), CASES["faulty"])
def test_a_faulty_rule_is_said(tmp_path: Path, deciders: list[str], said: str) -> None:
    """Place, then fault. Rules lie beside their policy: a name that leads elsewhere is one, too."""
    content = "".join(RULE.format("1", decider) for decider in deciders)
    with pytest.raises(BadInput, match=said):
        _rules(tmp_path, content, "rules.toml" if content else "../rules.toml")
