"""Explanations by the detections: what is not seen never counts, and each is about what was asked."""

from dataclasses import replace
from pathlib import Path
from shutil import rmtree

import pandas as pd
import pytest

from audit_lib.base.clock import iso
from audit_lib.incident.explanations import CUT_OFF, GUESSED, OUTAGE, USED, tabulate_explanations
from audit_lib.incident.investigation import Investigation, LastComputed
from audit_lib.incident.pairs import unequal_pairs
from audit_lib.incident.question import Question
from audit_lib.incident.symptoms import tabulate_symptoms
from audit_lib.incident.window_detections import tabulate_window_detections
from audit_lib.investigation import investigate
from audit_lib.ledger.keys import keeper_of
from audit_lib.logins.requests import Window
from audit_lib.report.incident_screen import incident_headline
from audit_lib.settings import instant_of, load_project
from audit_lib.settings.load import remember_sample
from tests.support.planted_incidents import AS_OF, INCIDENT, REGULARS, STRANGER, plant
from tests.support.sample_copy import write_sample

LOG = "backend/logs/backend.log"
SINCE = (INCIDENT - pd.Timedelta(hours=2)).isoformat()
GET = '{} INFO:     {}:50000 - "GET /api/orders HTTP/1.1" {}\n'


def _opened(folder: Path, **asked: str) -> Investigation:
    project = load_project(folder)
    return investigate(project, Question(SINCE, iso(AS_OF), **asked), AS_OF, keeper_of(project))


def _explained(found: Investigation) -> pd.DataFrame:
    return tabulate_explanations(found).set_index("explanation")


def _write(folder: Path, *asked: tuple[float, str, int]) -> None:
    """Requests of addresses, minutes after the incident, put into the log in order of time."""
    lines = (folder / LOG).read_text("utf-8").splitlines(keepends=True)
    for minutes, client, status in asked:
        lines.append(
            GET.format(f"{INCIDENT + pd.Timedelta(minutes=minutes):%Y-%m-%d %H:%M:%S}", client, status)
        )
    (folder / LOG).write_text("".join(sorted(lines)), "utf-8")


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The sample project."""
    folder = tmp_path_factory.mktemp("explained") / "sample"
    write_sample(folder)
    return folder


def _of_sample(folder: Path, *asked: str, **more: str) -> Investigation:
    project = load_project(folder)
    return investigate(project, Question(*asked, **more), instant_of(project, ""), keeper_of(project))


def test_undeclared_logins_rule_no_guessing_out(tmp_path: Path) -> None:
    """If the policy does not say what a failed login looks like, brute force is unknown, with that reason."""
    plant(tmp_path, "quiet misuse", 0)
    assert _explained(_opened(tmp_path)).loc[GUESSED, "verdict"] == "unlikely"
    toml = tmp_path / "audit.toml"
    toml.write_text(toml.read_text("utf-8").replace('extends = "paiid"', 'extends = "generic"'), "utf-8")
    remember_sample(tmp_path)  # its policy is the test's own
    row = _explained(_opened(tmp_path)).loc[GUESSED]
    assert (row["verdict"], row["speaks_against"]) == ("unknown", "")
    assert "does not declare what a failed login looks like" in row["missing"]


def test_who_guessed_and_got_in_is_no_quiet_user(tmp_path: Path) -> None:
    """An address that failed sixty times and then got in is told as guessing, not as a leaked value."""
    plant(tmp_path, "brute force", 0)
    guesses = [(20 + number / 10, STRANGER, 401) for number in range(60)]
    _write(tmp_path, *guesses, (27, STRANGER, 200), (29, STRANGER, 200))
    table = _explained(_opened(tmp_path, client=STRANGER))
    assert tuple(table.iloc[0][["rank", "verdict"]]) == (1, "likely")
    best = table.loc[GUESSED]
    assert best["rank"] == 1
    assert "then let in on /api/orders" in best["speaks_for"]
    assert best["addresses"].startswith(STRANGER)
    assert f"{STRANGER} guessed before being answered" in table.loc[USED, "speaks_against"]


def test_a_new_address_of_a_known_network_is_no_newcomer(tmp_path: Path) -> None:
    """A user whose provider gives another address of the same /24 is not said to be a stranger."""
    plant(tmp_path, "our own bundle explains the sighting", 0)
    moved = REGULARS[0].rpartition(".")[0] + ".99"
    _write(tmp_path, *((30 + 7 * number, moved, 200) for number in range(12)))
    table = _explained(_opened(tmp_path))
    assert table.loc[USED, "verdict"] == "unlikely"
    assert moved not in "".join(table["speaks_for"])


def test_too_few_days_of_logs_make_nobody_new(tmp_path: Path) -> None:
    """With a week of logs before the incident the same stranger is not known to be new, nor to be known."""
    plant(tmp_path, "quiet misuse", 0)
    first = f"{INCIDENT - pd.Timedelta(days=7):%Y-%m-%d}"
    lines = (tmp_path / LOG).read_text("utf-8").splitlines(keepends=True)
    (tmp_path / LOG).write_text("".join(line for line in lines if line[:10] >= first), "utf-8")
    row = _explained(_opened(tmp_path)).loc[USED]
    assert row["verdict"] == "unknown"
    assert "logs of 30 days before the window" in row["missing"]


def test_a_window_whose_start_has_too_little_before_it_rules_nobody_out(tmp_path: Path) -> None:
    """Nobody guesses for five weeks; of a window that begins in the fourth of them it knows only the end."""
    plant(tmp_path, "our own bundle explains the sighting", 0)
    project = load_project(tmp_path)
    question = Question((AS_OF - pd.Timedelta(days=10)).isoformat())
    found = investigate(project, question, AS_OF, keeper_of(project))
    assert tabulate_window_detections(found).set_index("detection").loc["let-in", "verdict"] == "none"
    row = _explained(found).loc[USED]
    assert row["verdict"] == "unknown"


def test_an_empty_folder_explains_and_rules_out_nothing(tmp_path: Path) -> None:
    """Of nothing every explanation is unknown, and each says what is missing."""
    project = load_project(tmp_path)
    table = tabulate_explanations(investigate(project, Question(), AS_OF, keeper_of(project)))
    assert set(table["verdict"]) == {"unknown"}
    assert table["missing"].ne("").all()
    assert table["speaks_against"].eq("").all()


def test_variables_changed_by_a_deploy_explain_an_outage(sample: Path) -> None:
    """On 24 September all were refused just after a deploy of variables; the pair had differed for long."""
    table = _explained(_of_sample(sample))
    best = table.loc[OUTAGE]
    assert (best["rank"], best["verdict"]) == (1, "likely")
    assert "evidence/deploys-backend.json:3" in best["speaks_for"]
    assert "requests were answered until 24 Sep 10:00" in best["speaks_against"]


def test_explanations_are_about_the_secret_that_was_asked_for(sample: Path) -> None:
    """What failed at the login says nothing of a provider's key; of the application's own token it does."""
    asked = "2026-08-19", "2026-08-22"
    found = _of_sample(sample, *asked, secret="TRADIER_API_KEY")
    table = _explained(found)
    assert table.index[0] == USED
    for name in (GUESSED, OUTAGE, CUT_OFF):
        assert table.loc[name, "verdict"] == "unknown"
        assert "callers do not send TRADIER_API_KEY" in table.loc[name, "missing"]
    assert "203.0.113" not in "".join(table["speaks_for"])
    assert _explained(_of_sample(sample, *asked, secret="API_TOKEN")).index[0] == GUESSED


def test_one_set_of_thresholds(tmp_path: Path) -> None:
    """A policy that asks for more failures takes burst and explanation away together."""
    plant(tmp_path, "brute force", 0)
    assert _explained(_opened(tmp_path)).loc[GUESSED, "verdict"] == "likely"
    demands = "\n[detections.guessing]\nladder = [[500, 10]]\n"
    toml = tmp_path / "audit.toml"
    toml.write_text(toml.read_text("utf-8") + demands, "utf-8")
    remember_sample(tmp_path)  # its policy is the test's own
    found = _opened(tmp_path)
    detected = tabulate_window_detections(found).set_index("detection")
    assert detected.loc["guessing", "verdict"] == "none"
    assert _explained(found).loc[GUESSED, "verdict"] == "unlikely"


def _halves(found: Investigation, environment: str) -> Investigation:
    """The investigation where the halves of a pair differ now, in one environment alone."""
    halves = found.drift[found.drift["why"].eq("pairing")].head(1)
    apart = halves.assign(environment=environment, other_environment=environment, relation="different")
    return replace(found, drift=apart, computed=LastComputed())


def test_a_pair_of_development_explains_nothing_in_production(tmp_path: Path) -> None:
    """Nor does one of production that broke after the window; one that differs in it does."""
    plant(tmp_path, "our own bundle explains the sighting", 0)
    now = _halves(_opened(tmp_path), "production")
    assert unequal_pairs(now) == ("API_TOKEN and NEXT_PUBLIC_API_TOKEN differ in production",)
    assert unequal_pairs(_halves(now, "development")) == ()
    fresh = now.inventory["secret"].eq("API_TOKEN")
    new = now.inventory.assign(fingerprint=now.inventory["fingerprint"].mask(fresh, "0" * 16))
    broke_later = replace(now, inventory=new, computed=LastComputed())
    assert unequal_pairs(broke_later) == unequal_pairs(now)
    then = Window(INCIDENT - pd.Timedelta(days=20), INCIDENT)
    earlier = replace(broke_later, window=then, computed=LastComputed())
    assert unequal_pairs(earlier) == ()


def test_a_leak_of_development_is_no_attack_on_production(tmp_path: Path) -> None:
    """A value that leaked elsewhere, or after the window, speaks for no use of it in the window."""
    plant(tmp_path, "leaked and used", 0)
    audit = tmp_path / "audit.toml"
    text = audit.read_text("utf-8")
    log = text.index("[[log]]")
    elsewhere = text[:log].replace('environment = "production"', 'environment = "development"') + text[log:]
    explained = _explained(_opened(tmp_path))
    assert "known to have leaked: " in explained.loc[USED, "speaks_for"]
    audit.write_text(elsewhere, "utf-8")
    remember_sample(tmp_path)
    rmtree(tmp_path / ".audit" / "ledger")
    found = _opened(tmp_path)
    assert "JWT_SECRET_KEY" in set(found.leaks["variable"])
    told = _explained(found).loc[USED]
    assert "known to have leaked" not in told["speaks_for"]
    assert "of development" in told["missing"]


def test_an_outage_is_not_told_as_an_attack(sample: Path) -> None:
    """That a value has leaked is no sign that somebody used it: nobody is named, so no attack is claimed."""
    outage = _of_sample(sample, "2026-09-24T09:00Z", "2026-09-24T14:00Z")
    said = incident_headline(outage).text.splitlines()[2]
    assert "an attack" not in said
    assert "leaked" not in said


def test_refusals_on_routes_that_are_no_login_are_not_called_logins(tmp_path: Path) -> None:
    """Of 60 refused requests for orders nobody can say that somebody guessed logins."""
    plant(tmp_path, "brute force", 0)
    said = incident_headline(_opened(tmp_path)).text
    assert "Somebody sent requests that were refused." in said
    assert "guessed logins" not in said


def test_who_was_answered_for_months_is_not_new(tmp_path: Path) -> None:
    """An address with answers before the window is known, also while only errors come back."""
    plant(tmp_path, "our own bundle explains the sighting", 0)
    office = "192.0.2.200"
    line = '{} INFO:     {}:50000 - "GET {} HTTP/1.1" {}\n'
    days = [(-24 * 60 * day, "/", "200 OK") for day in range(2, 30)]
    log = tmp_path / LOG
    lines = log.read_text("utf-8").splitlines(keepends=True)
    for minutes, route, status in (*days, (5, "/", "500 Internal Server Error")):
        at = f"{INCIDENT + pd.Timedelta(minutes=minutes):%Y-%m-%d %H:%M:%S}"
        lines.append(line.format(at, office, route, status))
    log.write_text("".join(sorted(lines)), "utf-8")
    clients = _opened(tmp_path).clients.set_index("client")
    assert clients.loc[office, "classification"] == "known"


def test_lists_that_were_read_are_not_called_unread(sample: Path) -> None:
    """Who left and which provider was breached is what the lists say; without lists that is said."""
    told = tabulate_symptoms(_of_sample(sample, "2026-09-10")).set_index("symptom")["diagnosis"]
    assert "audit/leavers.csv" in told["somebody with access left"]
    assert "audit/breaches.csv" in told["a provider reports a breach"]
    assert not told.str.contains("no list of people was read|no provider was asked").any()
