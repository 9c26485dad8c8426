"""The one table of findings: ids, merging, lists, decisions, order."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from audit_lib.base.clock import iso
from audit_lib.base.errors import BadInput, Fault
from audit_lib.findings.check import Item
from audit_lib.findings.checks import senders_of
from audit_lib.findings.decisions import (
    Reviews,
    judge_findings,
    refuse_unknown_id,
    tabulate_attestations,
    tabulate_ledger_faults,
    tabulate_ownership,
)
from audit_lib.findings.find import finding_id
from audit_lib.findings.reviews import LastReview, Opened, PreviousReport
from audit_lib.leaks.tables import ELSEWHERE
from audit_lib.ledger import Entry, Ledger
from audit_lib.report.judge import by_item
from audit_lib.settings import Policy, SecretRule, load_project
from tests.support.audits import run_audit
from tests.support.fakes import fake_value
from tests.support.planter import new_plot
from tests.support.rows import NOW, TABLES, data, rows_of

CASES = data(Path(__file__).with_suffix(".toml"))
AS_OF = NOW.to_pydatetime()
THEN = AS_OF - timedelta(days=92)
OVERDUE = "overdue-secret:API_TOKEN:production/backend"
OWNERS = {"API_TOKEN": "Ada", "C": "Bo"}
POLICY = Policy("test", secrets=tuple(SecretRule(it, "backend", "secret", owner=OWNERS[it]) for it in OWNERS))
FOUND = {"id": OVERDUE, "check": "overdue-secret", "severity": "high", "status": "open", "covers": ()}
FOUND |= {"subject": "API_TOKEN", "environment": "production", "service": "backend"}
LATE = {"freshness": [{"status": "overdue"}]}


def _decision(verdict: str, days: float, subject: str = OVERDUE, **more: str) -> Entry:
    until = iso(AS_OF + timedelta(days=days))
    body = {"subject": subject, "verdict": verdict, "by": "Bo", "reason": "why", "until": until, **more}
    at = AS_OF - timedelta(days=2)
    return Entry(v=1, writer="bo", seq=1, at=at, kind="decision", key_id="0" * 8, body=body)


def _decisions(made: list[list[Any]]) -> list[Entry]:
    return [_decision(verdict, days, **(more[0] if more else {})) for verdict, days, *more in made]


def _tables(**changed: list[dict[str, Any]]) -> dict[str, pd.DataFrame]:
    """A table without rows for each that a check looks at, but for those changed."""
    return {name: rows_of(name, *changed.get(name, ())) for name in TABLES}


def _judge(
    *entries: Entry, last: LastReview | None = None, previous: PreviousReport | None = None, **rows: Any
) -> dict[str, pd.DataFrame]:
    tables = _tables(**rows) | {"ownership": tabulate_ownership(POLICY, AS_OF)}
    return judge_findings(tables, POLICY, Ledger(entries), Reviews(last, previous, "2026Q3", AS_OF))


def _find(*entries: Entry, **rows: Any) -> pd.DataFrame:
    """The findings but for those about the owner."""
    found = _judge(*entries, **rows)["findings"]
    return found[~found["check"].str.startswith("secret-not")].reset_index(drop=True)


def _previous(*found: dict[str, Any]) -> PreviousReport:
    opened = {row["id"]: Opened(THEN, "2026Q2") for row in found}
    return PreviousReport({row["id"]: row for row in found}, THEN, (), opened)


def test_a_finding_has_a_stable_id_and_quotes_both_sides() -> None:
    """The id is check, subject and place; evidence quotes the age beside the limit, and who owns it."""
    late = {"status": "overdue", "age_days_min": 101.5, "age_days_max": None}
    row = _find(freshness=[late], inventory=[{}]).iloc[0]
    assert (row["id"], row["where"]) == (OVERDUE, ("backend/.env:3",))
    assert row["evidence"].startswith("age: at least 101 days; limit: 90 days")
    assert (row["owner"], row["opened_in"], row["change"]) == ("Ada", "2026Q3", "")
    assert finding_id("value-in-log", "a: b\n/é", "", "", "x y") == "value-in-log:a-b-/é:x-y"


def test_rows_with_one_id_are_merged_and_counted() -> None:
    """Rows of one subject are one finding; of a flood a few are quoted, and a fault outweighs a doubt."""
    row = _find(log_events=[{"kind": "database_failure", "line": line} for line in range(60)]).iloc[0]
    assert "60 in all" in row["evidence"]
    assert (len(row["where"]), row["where"][-1]) == (6, "and 55 more")
    row = _find(sources=[{"tracked": None}, {"tracked": True, "source": "backend/.env.local"}]).iloc[0]
    assert (row["status"], row["where"]) == ("open", ("backend/.env.local",))
    outage = {"verdict": "found", "detection": "application-failing", "subject": "all sources"}
    graver = [outage | {"severity": one, "classification": one} for one in ("medium", "high")]
    row, *others = _find(detections=graver, log_events=[{"kind": "startup_failed"}]).itertuples()
    assert (row.severity, "in all" in row.evidence, others) == ("high", False, [])


def test_a_copy_to_be_deleted_is_one_finding() -> None:
    """What else is wrong with it is its evidence, and makes it grave; the original keeps its own."""
    bad = {"ignored": False, "mode": "0644", "kind": "backup", "environment": "production"}
    copy, *own = _find(sources=[bad | {"source": ".env.bak"}, bad | {"kind": "env file"}]).itertuples()
    assert (copy.id, copy.severity) == ("values-on-disk:backup:production/backend:backup", "high")
    assert [word in copy.evidence for word in ("copy", "0644", "git add")] == [True] * 3
    assert sorted(one.check for one in own) == ["open-file-mode", "unignored-env-file"]


def test_the_gravest_come_first() -> None:
    """Of one severity: who got in, a leak in force, a broken pair (which names both owners), the unknown."""
    pair = {"why": "pairing", "expected": "same"}
    found = _find(
        inventory=[{"compromised": True}],
        drift=[pair | {"other_secret": "C", "relation": "unknown"}, pair],
        leaked_secrets=[{"status": "emergency"}],
        detections=[{"verdict": "found", "detection": "let-in", "severity": "critical"}],
        sources=[{"state": "unreadable"}],
    )
    assert " ".join(found["check"]) == (
        "attack-on-logins leaked-in-force pairing-mismatch compromised-value pairing-mismatch source-not-read"
    )
    assert {"Ada, Bo", "Ada"} <= {*found["owner"]}


def test_a_table_that_is_absent_is_an_error() -> None:
    """A check that had nothing to run on does not pass in silence."""
    tables = _tables()
    del tables["drift"]
    with pytest.raises(KeyError):
        judge_findings(tables, POLICY, Ledger(), Reviews(None, None, "2026Q3", AS_OF))


def test_a_list_names_what_is_on_it_and_is_accepted_as_such() -> None:
    """A secret that joins an accepted list opens it again; of 25 secrets 20 are named, all in `covers`."""
    two = [{"period_stated": False, "secret": secret} for secret in "AB"]
    ids = [_find(inventory=rows).iloc[0]["id"] for rows in (two, two[::-1], two[:1])]
    assert ids[0] == ids[1] != ids[2]
    row = _find(inventory=[{"period_stated": False, "secret": f"S{at}"} for at in range(25)]).iloc[0]
    assert "and 5 more" in row["evidence"]
    assert (len(row["covers"]), row["covers"][0]) == (25, Item("S0", "production", "backend"))
    assert len(by_item(pd.DataFrame([row]))) == 25


@pytest.mark.parametrize(("made", "expected"), CASES["decisions"])
def test_a_decision_closes_nothing(made: list[list[Any]], expected: list[str]) -> None:
    """An acceptance holds until its day; what was called closed and is still here says who said so."""
    assert tuple(_find(*_decisions(made), **LATE).iloc[0][["status", "accepted_by", "closed_by"]]) == expected


def test_an_unknown_is_not_accepted_into_a_pass() -> None:
    """Accepting what is not known leaves it unknown, and says so."""
    undecided = [{"status": "unknown", "reason": "straddles"}]
    row = _find(_decision("accept", 9, "unknown-age:straddles"), freshness=undecided).iloc[0]
    assert (row["status"], row["evidence"].endswith("does not make it known")) == ("unknown", True)
    leaked: Any = {"leaked_secrets": [{"secret": "tests", "status": "unknown", "covers": ()}]}
    id_ = _find(**leaked)["id"].iloc[0]  # of which a person may know
    assert _find(_decision("accept", 9, id_), **leaked)["status"].tolist() == ["accepted"]


@pytest.mark.parametrize(("made", "days", "owner"), CASES["due"])
def test_a_finding_is_due_by_severity_promise_or_acceptance(
    made: list[list[Any]], days: int, owner: list[str]
) -> None:
    """The earlier of severity and promise; as long as a risk is accepted it is not overdue."""
    row = _find(*_decisions(made), **LATE).iloc[0]
    assert (row["due_at"], row["overdue"]) == (AS_OF + timedelta(days=days), False)
    assert tuple(row[["owner", "ticket"]]) == owner


def test_a_finding_keeps_its_first_review() -> None:
    """By the previous report, a sign-off, or another id of the fault; what became worse is opened anew."""
    last = LastReview(THEN, "ledger ada#3", None, {OVERDUE: Opened(THEN, "2026Q2")})
    listed = FOUND | {"id": "x", "subject": "list", "covers": (Item("API_TOKEN", "production", "backend"),)}
    for reviews in ({"last": last}, {"previous": _previous(FOUND)}, {"previous": _previous(listed)}):
        row = _judge(**reviews, **LATE)["findings"].query("check == 'overdue-secret'").iloc[0]
        assert (row["opened_in"], row["overdue"]) == ("2026Q2", True)
    milder = _judge(previous=_previous(listed | {"severity": "low"}), **LATE)["findings"]
    assert milder.query("check == 'overdue-secret'").iloc[0]["opened_in"] == "2026Q3"


@pytest.mark.parametrize(("was", "rows", "change"), CASES["changes"])
def test_a_fault_is_followed_within_its_family(was: dict[str, Any], rows: Any, change: str) -> None:
    """It became worse or better, or ended if what would show it was read; else it is no longer known."""
    changes = _judge(previous=_previous(FOUND | was), **rows)["changes"]
    about_owner = changes["now_check"].str.startswith("secret-not")
    mine = changes[changes["subject"].isin(("API_TOKEN", was.get("subject"))) & ~about_owner]
    assert change in set(mine["change"])


def test_decisions_say_what_must_be_repeated() -> None:
    """Of a merged check the new id is named; others hold, ran out, or have no finding."""
    old = "short-value:API_TOKEN:production/backend"
    accepted = ((9, old), (-9, "gone:x"), (9, "gone:y"), (9, OVERDUE))
    entries = [_decision("accept", days, subject) for days, subject in accepted]
    made = _judge(*entries, inventory=[{"length": "short"}], **LATE)["decisions"].set_index("subject")
    states = {old: "repeat", "gone:x": "expired", "gone:y": "no finding", OVERDUE: "in force"}
    assert made["state"].to_dict() == states
    assert made.loc[old, "repeat_for"] == ("weak-value:API_TOKEN:production/backend:short",)


def test_an_id_that_no_finding_has_is_refused_with_the_nearest() -> None:
    """A misspelt id, and one of a merged check, name what was meant; `close` takes what is gone since."""
    ids = [OVERDUE, "weak-value:API_TOKEN:production/backend:short"]
    refuse_unknown_id(OVERDUE, ids)
    refuse_unknown_id("gone:x", ids, gone=["gone:x"])
    for wrong, named in ((OVERDUE[:-2], OVERDUE), ("short-value:API_TOKEN:production/backend", ids[1])):
        with pytest.raises(BadInput, match=named):
            refuse_unknown_id(wrong, ids)


@pytest.mark.parametrize(("tables", "actions"), CASES["together"])
def test_one_action_closes_what_hangs_together(tables: Any, actions: tuple[str, ...]) -> None:
    """What is about one value, address, place, log or kind of file has one action; of another, its own."""
    found = _find(**tables)
    assert tuple(pd.factorize(found["action"])[0].astype(str) + " " + found["subject"]) == actions


@pytest.mark.parametrize(("environment", "kind", "actions"), CASES["blind"])
def test_values_in_force_decide_leaks(environment: str, kind: str, actions: int) -> None:
    """One action is about all leaks that are not decided, whether a place is known or not; without the value
    of a secret of production it is the one that supplies such values."""
    leaked = [
        {"secret": name, "status": "unknown", "covers": ((name, "staging", "backend"),) * (name == "A")}
        for name in "AB"
    ]
    blank = [{"kind": "given values", "source": "--env development/backend", "state": "missing"}]
    held = [{"secret": "C", "environment": environment, "fingerprint": "f", "kind": kind}]
    found = _find(leaked_secrets=leaked, inventory=held, sources=blank)
    undecided = found.loc[found["check"].eq("leak-undecided"), "action"]
    assert (undecided.nunique(), found["action"].nunique()) == (1, actions)


def test_what_only_tests_hold_is_another_finding_with_each_leak_more() -> None:
    """The id of the one row holds a digest of its leaks: who accepts it answers for no later one."""
    rows: Any = [{"secret": ELSEWHERE, "status": "unknown", "covers": (), "digest": one} for one in "ab"]
    assert len({_find(leaked_secrets=[row])["id"].item() for row in rows}) == 2


@pytest.mark.parametrize("detection", ["let-in", "application-failing"])
def test_the_incident_of_most_lines_is_first(detection: str) -> None:
    """Who mistyped a few times, or a restart, days before, does not stand before it."""
    each: Any = {"verdict": "found", "detection": detection, "severity": "critical"}
    found = [each | {"count": tries, "subject": f"{tries}", "network": f"{tries}"} for tries in (6, 182)]
    assert _find(detections=found)["subject"].iloc[0] == f"{detection} 182"


@pytest.mark.parametrize(("who", "others", "said", "url"), CASES["senders"])
def test_the_last_of_several_senders_is_named(who: list[str], others: list[str], said: str, url: str) -> None:
    """Of a leak and of the line that shows it: the last to begin; of what one sent nobody is."""
    shown: Any = {"message": "secret in a url", "subject": "key", "at": NOW + timedelta(seconds=30)}
    sent = [shown | {"line": line, "client": client} for line, client in enumerate([*who, *others])]
    places = [{"line": line} for line in range(len(who))]
    held = [{"status": "emergency"}, {"status": "emergency", "secret": "OTHER", "leak_ids": "leak-2"}]
    asked = [{"line": line, "client": client} for line, client in enumerate(who)]  # what no pattern knows
    asked += [one | {"line": 9, "minute_at": NOW - timedelta(days=1)} for one in asked]
    rows = _find(leaked_secrets=held, leak_places=places, log_minutes=asked)
    assert rows["evidence"].iloc[0].endswith(f"first seen 30 Sep 2026 00:00{said}")
    rows = _find(leaks=[{}], leaked_secrets=held, leak_places=places, log_events=sent, log_minutes=asked[:1])
    found = dict(zip(rows["subject"], rows["evidence"], strict=True))
    assert found["API_TOKEN"].endswith(f"first seen 30 Sep 2026 00:00{said}")
    assert found["OTHER"].endswith("30 Sep 2026 00:00")
    rows = _find(leaks=[{}], leak_places=places, log_events=sent, log_minutes=asked[:1])  # of none in force
    assert rows["evidence"].iloc[0].startswith(f"key in the URL of /api is in the log with its value{url}; ")


@pytest.mark.parametrize(("minutes", "sent", "said"), CASES["newcomers"])
def test_who_begins_with_a_token_in_a_url_is_named(minutes: int, sent: list[Any], said: str) -> None:
    """Of whom no request of the network is earlier, the latest, as new where the log begins a day before."""
    asked = [{"client": one["client"], "minute_at": one.get("at", NOW)} for one in sent]
    asked.append({"client": "192.0.2.0/24 #a", "line": 9, "minute_at": NOW - timedelta(minutes=minutes)})
    logs: Any = {"log_events": [one | {"message": "secret in a url"} for one in sent], "log_minutes": asked}
    found, leaked = _find(**logs), _find(leaked_secrets=[{"status": "emergency"}], leak_places=[{}], **logs)
    assert leaked["evidence"].iloc[0].endswith(f"first seen 30 Sep 2026 00:00{said}")
    assert any(f" of /api is in the log with its value{said};" in f"{text};" for text in found["evidence"])


@pytest.mark.parametrize(("values", "strangers"), [(2, 2), (3, 0)])
def test_where_many_values_meet_newcomers_none_is_a_stranger(values: int, strangers: int) -> None:
    """A mail's scanner opens each link before the person does: such links are no sign of a thief."""
    who = [(f"{key}", *[one] * 2) for key in range(values) for one in ("192.0.2.1", f"198.51.{key}.7")]
    sent = pd.DataFrame(who, columns=["key", "client", "network"]).assign(route="/c", subject="", status=200)
    asked = pd.concat([sent.assign(at=NOW), sent[:1].assign(at=NOW - timedelta(days=1))])
    assert senders_of(asked, asked)["stranger"].sum() == strangers


@pytest.mark.parametrize(("facts", "lost", "tracked"), CASES["published"])
def test_a_tracked_file_of_published_values_discloses_none(
    facts: dict[str, Any], lost: dict[str, int], tracked: int
) -> None:
    """Of an env file whose only values everybody knows nothing is said; a value of its own is a finding, and
    so is a strong one that is in an example, too: whoever may commit could hide the file by a copy."""
    held = [{"source": "backend/.env", "environment": "development", **facts}]
    held += [{"source": "backend/.env", "secret": state, "state": state} for state in ("missing", "empty")]
    source = {"tracked": True, "environment": "production", "not_understood": None, **lost}
    for check in ("tracked-env-file", "values-on-disk"):
        found = _find(sources=[source], inventory=held, configuration=[{"topic": "blueprint value"}])
        assert found["check"].eq(check).sum() == tracked


@pytest.mark.parametrize(("held", "lost", "found"), CASES["tracked"])
def test_a_tracked_file_names_what_anybody_would_guess(held: Any, lost: int, found: list[Any]) -> None:
    """Its finding counts and names the values, covers each, and has another id with each more. A secret of
    its own, or a line that was not understood, makes it grave; what nobody guesses is not named."""
    held = [{"environment": "development", **one} for one in held]
    tables: Any = {"sources": [{"tracked": True, "not_understood": lost}], "inventory": held}
    row = _find(**tables).query("check == 'tracked-env-file'").iloc[0]
    said = (row["severity"], row["id"].partition(":")[2], row["evidence"].partition("; ")[2])
    assert (*said, len(row["covers"])) == found


def test_a_committed_file_of_development_is_one_finding(tmp_path: Path) -> None:
    """Whatever it holds that anybody would guess; what was drawn is a leak of its own, however short."""
    plot, drawn = new_plot(tmp_path / "repo"), fake_value("drawn", 11)
    for path, text in CASES["committed"].items():
        plot.commit(path, text.replace("«drawn»", drawn))
    found = run_audit(load_project(plot.root), as_of="2026-11-30").findings
    said = found.query("status == 'open' and environment != '' and check != 'unlisted-secret'")["id"]
    assert tuple(said) == CASES["said"]


@pytest.mark.parametrize(("verdict", "days", "status"), CASES["answers"])
def test_a_question_is_answered_until_a_day(verdict: str, days: int, status: str) -> None:
    """An answer that has run out leaves its question open again."""
    entries = (_decision(verdict, days, "142"),) if verdict else ()
    policy = Policy("test", attestations={"142": "Is two-factor authentication on?"})
    row = tabulate_attestations(policy, Ledger(entries), AS_OF).iloc[0]
    assert (row["rule"], row["status"]) == ("142", status)


@pytest.mark.parametrize(("reviewed", "review"), CASES["owners"])
def test_an_owner_confirms_a_secret_each_quarter(reviewed: str, review: str) -> None:
    """The date that audit.toml states counts for a quarter; one after the review is none."""
    rule = SecretRule("API_TOKEN", "backend", "secret", reviewed=reviewed)
    assert tabulate_ownership(Policy("test", secrets=(rule,)), AS_OF)["review"].tolist() == [review]


def test_a_broken_ledger_is_a_finding() -> None:
    """What does not hold in the ledger is reported with its place, and what is gone is worse."""
    faults = (Fault("ledger alice#3", "was edited: hash mismatch"),)
    table = tabulate_ledger_faults(Ledger(faults=faults, lost=(Fault("ledger bob", "is gone"),)))
    assert table["lost"].tolist() == [False, True]
    found = _find(ledger_faults=table.to_dict("records"))
    severity = dict(zip(found["id"], found["severity"], strict=True))
    assert severity == {"ledger-fault:ledger:lost": "critical", "ledger-fault:ledger": "high"}
