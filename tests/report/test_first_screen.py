"""The first screen: a sentence for every state, five figures, what to do first, what is not known."""

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from audit_lib.findings.contracts import Attestations, Decisions, Findings
from audit_lib.leaks.contracts import LeakedSecrets, LeakPlaces, Leaks
from audit_lib.logins.contracts import Detections
from audit_lib.report import first_screen as screen
from audit_lib.report.action_groups import FIRST
from audit_lib.report.actions import tabulate_actions
from audit_lib.report.headline import headline, spoken
from audit_lib.report.key_figures import key_figures
from audit_lib.secrets.contracts import Freshness, Inventory
from audit_lib.settings import Consumer, Policy, SecretRule
from tests.report.test_pass_is_earned import WHOLE
from tests.support import made_up_audit as frames
from tests.support.made_up_audit import filled

NO_FINDING = {"findings": frames.findings().head(0)}
NO_LOG = {"log_counts": frames.log_counts().head(0), "sources": frames.sources().iloc[:1]}


def _inventory(*rows: tuple[str, str, str | None, bool]) -> pd.DataFrame:
    """Secrets by name, environment, fingerprint and whether they are public."""
    return filled(
        Inventory,
        (
            {
                "secret": name,
                "variable": name,
                "environment": environment,
                "service": "backend",
                "kind": "secret",
                "state": "present" if mark else "missing",
                "fingerprint": mark,
                "public": public,
            }
            for name, environment, mark, public in rows
        ),
    )


def _findings(*rows: tuple[str, str, str, str], **more: Any) -> pd.DataFrame:
    """Open findings by check, severity, subject and environment."""
    return filled(
        Findings,
        (
            {
                "id": f"{check}:{subject}:{environment}",
                "check": check,
                "severity": severity,
                "status": "open",
                "subject": subject,
                "environment": environment,
                "service": "backend",
                "action": f"{check}:{subject}:{environment}",
                "where": (f"{environment}.env:3",),
                "remedy": f"Fix {subject}. Then look again.",
                **more,
            }
            for check, severity, subject, environment in rows
        ),
    )


def test_what_production_has_lost_is_named() -> None:
    """By the name that should be secret, once for a value that has two."""
    inventory = _inventory(
        ("NEXT_PUBLIC_KEY", "production", "a", True), ("SERVER_KEY", "production", "a", False)
    )
    found = _findings(
        ("public-exposure", "critical", "NEXT_PUBLIC_KEY", "production"),
        ("equal-but-must-differ", "critical", "NEXT_PUBLIC_KEY=SERVER_KEY", "production"),
        ("compromised-value", "critical", "NEXT_PUBLIC_KEY", "staging"),
    )
    word, sentence, lead = spoken(frames.audit(inventory=inventory, findings=found))
    assert (word, sentence) == ("Fail.", "One production secret can be read by others.")
    assert lead[0] == "SERVER_KEY is built into the page that every browser loads."


def test_a_placeholder_is_no_loss() -> None:
    """Nobody reads a secret that is not there, whatever else is found of it."""
    inventory = _inventory(("KEY", "production", "a", False)).assign(placeholder=True)
    found = _findings(
        ("placeholder-value", "critical", "KEY", "production"),
        ("template-in-use", "critical", "KEY", "production"),
    )
    tables = {"inventory": inventory, "findings": found, "freshness": frames.freshness().head(1)}
    assert spoken(frames.audit(**tables))[1] == "Two critical findings to close."


def _let_in(**more: Any) -> dict[str, pd.DataFrame]:
    """An address that guessed and was then answered: the detection, and its finding."""
    incident = {
        "detection": "let-in",
        "verdict": "found",
        "subject": "192.0.2.0/24 #abcdef",
        "severity": "high",
    }
    incident |= {"classification": "54 failed logins, then an answer on /login", "count": 54}
    row = ("attack-on-logins", "high", "let-in 192.0.2.0/24 #abcdef", "")
    findings = _findings(row, where=("app.log:7",))
    return {"detections": filled(Detections, [incident]), "findings": findings, **more}


def test_who_got_in_comes_first() -> None:
    """Before all that was merely lost: in the sentence, and as the first thing to do."""
    inventory = _inventory(*((name, "production", name, False) for name in "ABCDEF"))
    others = _findings(*(("compromised-value", "critical", name, "production") for name in "ABCDEF"))
    taken = _let_in(inventory=inventory)
    audit = frames.audit(**taken | {"findings": pd.concat([others, taken["findings"]], ignore_index=True)})
    _, sentence, lead = spoken(audit)
    assert sentence.startswith("One address was let in after failed logins, and six production secrets")
    assert lead[0] == "192.0.2.0/24 #abcdef: 54 failed logins, then an answer on /login."
    first = tabulate_actions(audit).iloc[0]
    assert first["action"].startswith("Find out what 192.0.2.0/24 #abcdef did once it was let in")
    assert first["why"].startswith("54 failed logins, then an answer on /login")


def test_a_success_after_guessing_is_no_use_of_a_secret() -> None:
    """Somebody may have guessed a password: that says nothing of the secrets that leaked."""
    last = spoken(frames.audit(**_let_in()))[2][-1]
    assert last == "Whether others used a secret, the logs do not show."


def test_leaks_in_force_and_a_broken_pair_come_before_what_closes_more() -> None:
    """Of production; a pair of development waits."""
    names = [f"S{number}" for number in range(6)]
    inventory = _inventory(
        *((name, "production", name, False) for name in (*names, "LEAKED", "HALF", "OTHER")),
        ("HALF", "development", "d", False),
        ("OTHER", "development", "e", False),
    )
    rows = [(check, "high", name, "production") for name in names for check in ("weak-value", "short-value")]
    rows += [("pairing-mismatch", "high", "HALF=OTHER", place) for place in ("development", "production")]
    rows += [("leaked-in-force", "high", "LEAKED", "production")]
    leaked = filled(LeakedSecrets, [{"secret": "LEAKED", "environment": "production", "status": "emergency"}])
    audit = frames.audit(inventory=inventory, findings=_findings(*rows), leaked_secrets=leaked)
    actions = list(tabulate_actions(audit)["action"])
    assert actions[:2] == ["Rotate LEAKED in production", "Rotate HALF and OTHER in production"]
    assert "development" not in " ".join(actions[:FIRST])
    assert "HALF and OTHER differ in production" in " ".join(spoken(audit)[2])


def test_nothing_on_the_first_screen_rests_on_a_default() -> None:
    """A limit that nobody stated makes nothing "too old", no action of the first five and no date."""
    late = frames.freshness().query("secret == 'DATABASE_URL'").assign(period_stated=False)
    inventory = _inventory(*((name, "production", name, False) for name in ("DATABASE_URL", *"ABCDE")))
    found = _findings(
        ("overdue-secret", "high", "DATABASE_URL", "production"),
        *(("weak-value", "low", name, "production") for name in "ABCDE"),
    )
    audit = frames.audit(freshness=late, inventory=inventory, findings=found)
    assert spoken(audit)[1] == "One high finding to close."
    assert "Too old: 0 of 1 secret (1 beyond a default limit, 0 not known" in key_figures(audit).text
    actions = tabulate_actions(audit)
    assert list(actions["action"])[-1] == "Rotate DATABASE_URL in production"
    assert "it is beyond a limit that is only the policy's default" in actions["why"].iloc[-1].lower()
    soon = late.assign(
        possibly_overdue_from_at=pd.Timestamp("2026-10-10", tz="UTC"),
        overdue_from_at=pd.Timestamp("2026-10-14", tz="UTC"),
    )
    assert "DATABASE_URL" not in screen.falls_due(frames.audit(freshness=soon)).text


def test_no_action_of_the_first_five_rests_on_prose() -> None:
    """Words of a guide wait for everything else, however many findings they close."""
    places = [f"line {number}" for number in range(9)]
    found = _findings(
        *(("guide-changed", "critical", place, "") for place in places),
        *(("weak-value", "low", name, "production") for name in "ABCDE"),
    )
    inventory = _inventory(*((name, "production", name, False) for name in "ABCDE"))
    actions = tabulate_actions(frames.audit(inventory=inventory, findings=found))
    assert list(actions["closes"]) == [1, 1, 1, 1, 1, 9]


def test_possible_failed_logins_are_something_to_do() -> None:
    """No open finding is no rest while hundreds of lines may be failed logins."""
    counts = frames.log_counts()
    many = counts.tail(1).assign(kind="possible_login_failure", count=286)
    audit = frames.audit(**NO_FINDING, log_counts=pd.concat([counts, many], ignore_index=True))
    said = "286 lines may be failed logins"
    assert screen.do_first(audit).title == f"No finding is open, but {said}: declare what they say"
    assert said in screen.not_known(audit).text
    assert screen.do_first(frames.audit(**NO_FINDING)).title == "Nothing to do: no finding is open"


def test_a_log_that_begins_late_is_not_hidden_by_another() -> None:
    """Days are counted for each service: another service's lines say nothing of this one."""
    days = [f"2026-07-{day:02}" for day in range(1, 32)]
    counts = frames.log_counts().head(1)
    many = [counts.assign(day=day, file="app.log") for day in days]
    many += [counts.assign(day="2026-07-31", file="late.log")]
    sources = frames.sources().tail(1)
    logs = [sources.assign(source=f"{name}.log", service=name) for name in ("app", "late")]
    audit = frames.audit(
        log_counts=pd.concat(many, ignore_index=True), sources=pd.concat(logs, ignore_index=True)
    )
    assert (
        "61 of 92 days have no log line: 61 of production/app, 91 of production/late."
        in screen.not_known(audit).text
    )


@pytest.mark.parametrize(
    ("tables", "word", "sentence"),
    [
        ({}, "Fail.", "One production secret is too old."),
        ({"freshness": frames.freshness().head(1)}, "Fail.", "One high finding to close."),
        (NO_FINDING, "Not known.", "Nothing wrong was found, but not everything could be seen."),
    ],
)
def test_every_verdict_has_its_sentence(tables: dict[str, pd.DataFrame], word: str, sentence: str) -> None:
    """What is overdue in production if nothing was lost, else how grave it is; not known is no pass."""
    assert spoken(frames.audit(**tables))[:2] == (word, sentence)


def test_a_pass_says_what_it_rests_on() -> None:
    """Only with all that a pass needs."""
    word, sentence, lead = spoken(frames.audit(**WHOLE))
    assert (word, sentence) == ("Pass.", "Nothing is wrong, and everything was looked at.")
    assert lead[0].startswith("2 secrets within the age limit")


def test_of_production_that_was_not_read_no_safety_is_claimed() -> None:
    """Without a value of production nobody can say that none was lost."""
    lost = "Of production nothing is known: no value of it was read."
    assert lost in spoken(frames.audit())[2]
    inventory = _inventory(("KEY", "production", "a", False))
    assert lost not in spoken(frames.audit(inventory=inventory))[2]


def test_without_logs_no_use_is_denied() -> None:
    """A stranger's application without logs: that nobody used a secret is not said."""
    assert spoken(frames.audit(**NO_LOG))[2][-1].startswith("Refused logins are not known")
    assert "Requests refused: not known" in key_figures(frames.audit(**NO_LOG)).text
    gaps = screen.not_known(frames.audit(**NO_LOG)).text
    assert "all 92 days: no log line says anything about requests" in gaps


def test_each_figure_has_its_parts() -> None:
    """Five figures; the parts of each add up to what it is of."""
    block = key_figures(frames.audit())
    lines = block.text.splitlines()
    assert len(lines) == block.html.count('class="stack"') == 5
    assert "Too old: 1 of 5 secrets (2 not known, 1 due, 1 fresh)" in lines
    assert re.findall(r"flex:(\d+)", block.html.split("Too old")[1].split("Requests")[0]) == list("1211")


def test_one_new_value_closes_all_findings_about_it() -> None:
    """Whatever its names and places; another value of the same secret is closed by itself."""
    inventory = _inventory(
        ("KEY", "production", "a", False),
        ("KEY", "staging", "a", False),
        ("OTHER", "staging", "a", False),
        ("KEY", "development", "b", False),
    )
    found = _findings(
        ("overdue-secret", "high", "KEY", "production"),
        ("reused-across-environments", "critical", "KEY as in production", "staging"),
        ("reused-across-names", "medium", "KEY=OTHER", "staging"),
        ("overdue-secret", "medium", "KEY", "development"),
    )
    actions = tabulate_actions(frames.audit(inventory=inventory, findings=found))
    assert list(actions["closes"]) == [3, 1]
    assert list(actions["action"]) == [
        "Rotate KEY and OTHER in production and staging",
        "Rotate KEY in development",
    ]
    assert actions["why"].iloc[0].startswith("One value serves staging and production (staging.env:3)")
    assert f"{actions['by_at'].iloc[0]:%d %b}" == "01 Oct"


def test_an_action_names_the_owner_of_its_secret_or_that_there_is_none() -> None:
    """By the policy: of the secret, else of what reads it."""
    mine = SecretRule("A", "backend", "secret", "always", owner="Team A")
    theirs = SecretRule("B", "backend", "secret", "always", consumers=("backend",))
    policy = Policy(
        "shop", Path("shop.toml"), "0" * 64, (mine, theirs), consumers=(Consumer("backend", owner="Team B"),)
    )
    names = ("A", "B", "C")
    inventory = _inventory(*((name, "production", name, False) for name in names))
    found = _findings(*(("overdue-secret", "high", name, "production") for name in names))
    audit = replace(frames.audit(inventory=inventory, findings=found), policy=policy)
    assert list(tabulate_actions(audit)["owner"]) == ["Team A", "Team B", "not named"]


def test_a_line_that_shows_a_value_is_closed_with_it() -> None:
    """A finding about a line on which a value in force leaked hangs on that value."""
    inventory = _inventory(("KEY", "staging", "a", False))
    found = pd.concat(
        [
            _findings(("leaked-in-force", "high", "KEY", "staging")),
            _findings(("value-in-log", "critical", "secret in a url", "production"), where="app.log:7"),
            _findings(("value-in-log", "critical", "another line", "production"), where="app.log:8"),
        ],
        ignore_index=True,
    )
    leak = {"leak_id": "leak-0123456789", "variable": "KEY", "kind": "leak", "matched": "exact"}
    leaks = filled(Leaks, [{**leak, "fingerprint": "a", "force": "in force", "at_head": True}])
    places = filled(LeakPlaces, [{"leak_id": leak["leak_id"], "path": "app.log", "line": 7}])
    actions = tabulate_actions(
        frames.audit(inventory=inventory, findings=found, leaks=leaks, leak_places=places)
    )
    assert list(zip(actions["action"], actions["closes"], strict=True)) == [
        ("Rotate KEY in staging", 2),
        ("Fix another line", 1),
    ]


def test_an_action_about_a_value_of_no_variable_says_what_its_finding_says() -> None:
    """A leak found by its looks names no variable that could be set."""
    found = _findings(("leak-undecided", "high", "access_token", ""))
    remedy = "Rotate access_token, or show that it was replaced. Then purge it."
    actions = tabulate_actions(frames.audit(findings=found.assign(remedy=remedy)))
    assert list(actions["action"]) == ["Rotate access_token, or show that it was replaced"]
    assert actions["why"].iloc[0].startswith("It leaked, and whether it is in force is not known")


def test_a_leaked_secret_that_is_not_set_here_is_rotated() -> None:
    """Whoever sets it where it is missing leaves the leaked value as it is."""
    inventory = _inventory(("KEY", "development", None, False))
    for check, action in (("leak-undecided", "Rotate KEY"), ("missing-secret", "Set KEY")):
        found = _findings((check, "high", "KEY", "development"))
        actions = tabulate_actions(frames.audit(inventory=inventory, findings=found))
        assert list(actions["action"]) == [f"{action} in development"]


def test_every_open_finding_is_closed_by_one_action() -> None:
    """None is lost and none is counted twice; what is not known joins no values."""
    inventory = _inventory(("A", "production", "a", False), ("B", "production", "b", False))
    found = _findings(
        ("overdue-secret", "high", "A", "production"),
        ("overdue-secret", "high", "B", "production"),
        ("tracked-env-file", "high", "env file", "staging"),
        ("attack-on-logins", "medium", "guessing somebody", ""),
    )
    unknown = _findings(
        ("unknown-age", "medium", "straddles", ""),
        status="unknown",
        covers="A@production/backend; B@production/backend",
    )
    actions = tabulate_actions(
        frames.audit(inventory=inventory, findings=pd.concat([found, unknown], ignore_index=True))
    )
    ids = [id_ for ids in actions["finding_ids"] for id_ in ids.split("; ")]
    assert sorted(ids) == sorted(found["id"])
    assert "Untrack staging.env" in set(actions["action"])
    assert "Fix guessing somebody" in set(actions["action"])


def test_what_closes_most_comes_first_but_after_what_production_loses() -> None:
    """The action that closes least is not among the five, unless it is critical in production."""
    names = [f"S{number}" for number in range(7)]
    inventory = _inventory(*((name, "production", name, False) for name in names))
    rows = [("overdue-secret", "high", name, "production") for name in names[:6]]
    rows += [("weak-value", "high", name, "production") for name in names[1:6]]
    rows += [("compromised-value", "critical", "S6", "production")]
    actions = tabulate_actions(frames.audit(inventory=inventory, findings=_findings(*rows)))
    assert "S6" in actions["action"].iloc[0]
    assert "S0" not in " ".join(actions["action"].head(FIRST))
    block = screen.do_first(frames.audit(inventory=inventory, findings=_findings(*rows)))
    assert block.title == "Do these five first: they close 9 of the 12 open findings"
    assert "Then 2 other actions, for 3 findings" in block.text


def test_what_falls_due_is_told_by_its_bounds() -> None:
    """From the day on which it may be overdue to that on which it is."""
    fresh = frames.freshness().head(2).assign(status="fresh")
    fresh["possibly_overdue_from_at"] = pd.Timestamp("2026-10-10", tz="UTC")
    fresh["overdue_from_at"] = pd.Timestamp("2026-10-14", tz="UTC")
    found = screen.falls_due(frames.audit(freshness=Freshness.checked(fresh)))
    assert found.title == "Falls due before the next review, 31 Dec"
    assert found.text == "10–14 Oct: API_TOKEN, JWT_SECRET, production"


def test_what_somebody_said_expires_with_what_it_is_about() -> None:
    """An answer with its rule or secret, a risk, and who must decide or answer again."""
    until = {"until_at": pd.Timestamp("2026-12-31", tz="UTC"), "by": "Bo B."}
    answers = [until | {"rule": rule, "status": "attested"} for rule in ("139", "secret:DATABASE_URL")]
    audit = frames.audit(
        freshness=frames.freshness().head(0),
        decisions=filled(Decisions, [until | {"verdict": "accept", "state": "in force"}]),
        attestations=filled(Attestations, answers),
    )
    assert screen.falls_due(audit).text == (
        "31 Dec: 1 accepted risk and 2 answers about DATABASE_URL, rule 139 expire; "
        "decide and answer again (Bo B.)"
    )


@pytest.mark.parametrize(("environment", "sooner"), [("production", True), ("staging", False)])
def test_what_an_action_renews_sooner_says_so(environment: str, sooner: bool) -> None:
    """An owner who reads the later day alone would miss the earlier one; another environment has none."""
    fresh = frames.freshness().head(1).assign(status="fresh")
    fresh["possibly_overdue_from_at"] = pd.Timestamp("2026-11-10", tz="UTC")
    fresh["overdue_from_at"] = pd.Timestamp("2026-11-14", tz="UTC")
    inventory = _inventory(("JWT_SECRET", environment, "a", False))
    weak = _findings(("weak-value", "high", "JWT_SECRET", environment))
    audit = frames.audit(freshness=Freshness.checked(fresh), inventory=inventory, findings=weak)
    asked = "; action 1 asks for it by 7 Oct" if sooner else ""
    assert screen.falls_due(audit).text == f"10–14 Nov: JWT_SECRET, production{asked}"


def test_without_the_page_s_style_words_stay_apart() -> None:
    """JupyterLab shows a block as plain HTML: what the page sets apart has a sign between."""
    audit = frames.audit(findings=_findings(("weak-value", "high", "API_TOKEN", "production")))
    blocks = headline(audit), key_figures(audit), screen.do_first(audit)
    said = [re.sub(r"<[^>]+>", "", block.html) for block in blocks]
    assert "2026 Q3 · 1 Jul" in said[0]
    assert "Open · 1 finding · 1 high" in said[1]
    assert "not named · 7 Oct · 1 finding closed" in said[2]


def test_nothing_hostile_is_live_on_the_first_screen() -> None:
    """Names and texts of strangers are text."""
    inventory = _inventory((frames.HOSTILE, "production", "a", False))
    found = _findings(("compromised-value", "critical", frames.HOSTILE, "production"))
    audit = frames.audit(inventory=inventory, findings=found)
    for block in (screen.do_first(audit), screen.falls_due(audit), screen.not_known(audit)):
        bundle = block._repr_mimebundle_()
        assert "<script" not in bundle["text/html"]
        assert not {"\x1b", "\u202e"} & set("".join(bundle.values()))
