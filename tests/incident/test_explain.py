"""Explanations by the detections: what is not seen never counts, and each is about what was asked."""

import tomllib
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from shutil import rmtree

import pandas as pd
import pytest

from audit_lib.base.clock import iso
from audit_lib.incident.explain import CUT_OFF, EXPOSED, GUESSED, OUTAGE, USED
from audit_lib.incident.outage import pairs_apart
from audit_lib.investigation import Investigation, open_incident
from audit_lib.logins.traffic import Window
from tests.support.fakes import fake_value
from tests.support.planted_incidents import (
    AS_OF,
    INCIDENT,
    LOG,
    REGULARS,
    STRANGER,
    change,
    opened,
    opened_once,
    plant,
    rewrite_log,
)
from tests.support.sample_copy import write_sample

CASES = tomllib.loads(Path(__file__).with_suffix(".toml").read_text("utf-8"))
TOML = "audit.toml"
NEAR = REGULARS[0].rpartition(".")[0] + ".99"
SENT = f'{STRANGER}:1 - "GET /api/positions?access_token={fake_value("sent")}'
GUESSES = (*((20 + number / 10, STRANGER, 401) for number in range(60)), (27, STRANGER, 200))


def _explained(found: Investigation) -> pd.DataFrame:
    return found.explanations.set_index("explanation")


def _leaked_in_development(folder: Path) -> None:
    for service in ("backend", "frontend"):
        known = f'environment = "production", service = "{service}"'
        change(folder / TOML, known, known.replace("production", "development"))
    rmtree(folder / ".audit/ledger")


# What is changed in a planted incident; the rest of each case is in the data beside it.
CHANGED: dict[str, Callable[[Path], object]] = {
    "who guessed and got in used no leak": lambda at: rewrite_log(at, *GUESSES, (29, STRANGER, 200)),
    "a new address of a known network is no newcomer":
        lambda at: rewrite_log(at, *((30 + 7 * number, NEAR, 200) for number in range(12))),
    "who sends a secret in a URL is named, the latest first":
        lambda at: change(at / LOG, f'{STRANGER}:50123 - "GET /api/positions', SENT),
    "a leak of development is no attack on production": _leaked_in_development,
    "answers that do not tell are too many for a user": lambda at: (
        rewrite_log(at, *((number, STRANGER, 200) for number in range(30))),
        change(at / LOG, f'{STRANGER}:50000 - "GET /api/orders', f'{STRANGER}:50000 - "POST /auth/login'),
        change(at / TOML, 'extends = "paiid"', CASES["mute"])),
}  # fmt: skip
CHANGED |= {name: lambda at, pair=pair: change(at / TOML, *pair) for name, pair in CASES["texts"].items()}


@pytest.mark.parametrize("name", CHANGED)
def test_what_was_changed_is_explained_otherwise(name: str, tmp_path: Path) -> None:
    """Ratings and their reasons follow what is declared and what the log shows: by explanation or detection
    what a column holds then, or not ("!")."""
    kind, *expected = CASES["changed"][name]
    plant(tmp_path, kind, 0)
    CHANGED[name](tmp_path)
    found = opened(tmp_path)
    table = pd.concat([_explained(found), found.detections.set_index("detection")])
    for row, column, text in expected:
        assert (text.strip("!") in table.loc[row, column]) != text.startswith("!"), (row, column)


@pytest.mark.parametrize(("client", "day", "times", "best"), CASES["sent"])
def test_who_sends_a_value(client: str, day: int, times: int, best: list[str], tmp_path: Path) -> None:
    """A new network alone and again uses what leaked; else a URL shows it, so often, until the last."""
    plant(tmp_path, "quiet misuse", 0)
    token = (tmp_path / "backend/.env").read_text("utf-8").partition("API_TOKEN=")[2].split()[0]
    route, log = f'{client}:50123 - "GET /api/orders', (tmp_path / LOG).read_text("utf-8")
    (tmp_path / LOG).write_text(log := log.replace(route, f"{route}?token={token}", times), "utf-8")
    since, until = (INCIDENT + pd.Timedelta(days=at) for at in (day, day + 1))
    found = opened(tmp_path, since, until=iso(until), secret="API_TOKEN")
    count = sum("?token=" in line and f"{since}" <= line < f"{until}" for line in log.splitlines())
    assert [*found.explanations.loc[0, ["explanation", "rating", "addresses"]]] == [*best, client]
    assert f"/api/orders: token of the URL ({count})" in _explained(found).loc[EXPOSED, "speaks_for"]
    assert "ast seen 1" in "".join(found.summary().answers[0][1:])


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Investigation:
    """The sample, opened once."""
    return open_incident(str(write_sample(tmp_path_factory.mktemp("explained") / "sample")))


def test_explanations_are_about_the_secret_that_was_asked_for(sample: Investigation) -> None:
    """What failed at the login says nothing of a provider's key; of the application's own token it does.

    Most of the sample's requests have no time of their own, but lie between days that their file names."""
    sample.look(since="2026-08-19", until="2026-08-22", address="203.0.113.45")
    assert sample.steps.iloc[0]["command"] == ""  # to look at that address leads no further
    best = sample.explanations.iloc[0]
    assert (best["explanation"], best["rating"], best["addresses"]) == (GUESSED, "likely", "203.0.113.45")
    sample.look(secret="TRADIER_API_KEY")
    table = _explained(sample)
    for name in (GUESSED, OUTAGE, CUT_OFF):
        assert table.loc[name, "rating"] == "unknown"
        assert "callers do not send TRADIER_API_KEY" in table.loc[name, "missing"]
    assert "203.0.113" not in "".join(table["speaks_for"])
    assert "callers do not send" not in table.loc[EXPOSED, "missing"]
    sample.look(secret="", address="")


def test_variables_changed_by_a_deploy_explain_an_outage(sample: Investigation) -> None:
    """On 24 September all were refused just after a deploy of variables; the pair had differed for long."""
    sample.look(since="2026-09-24T09:00Z", until="2026-09-25T14:00Z")
    best = sample.explanations.iloc[0]
    assert (best["explanation"], best["rating"]) == (OUTAGE, "likely")
    assert ", set off by changed variables (evidence/deploys-backend.json:3" in best["speaks_for"]
    said = sample.summary()
    assert said.sentence == "A change of variables shut callers out for 14 minutes."
    assert not said.is_attack


def test_a_leak_counts_while_its_value_was_in_force() -> None:
    """From the commit until the start that put another value in force; the evidence of both is named."""
    found = opened_once("leaked and used")
    found.look(secret="API_TOKEN")
    table = found.exposure.assign(
        **{name: found.exposure[name].dt.strftime("%d %H:%M").fillna("") for name in ("begins_at", "ends_at")}
    )
    assert table[["begins_at", "ends_at", "leaked", "open"]].to_numpy().tolist() == [
        ["15 02:00", "16 20:05", True, False], ["16 19:59", "", False, True],
    ]  # fmt: skip
    texts = ("the leak was first seen in commit", "the value came into use after ledger weekly#9")
    assert [by.startswith(text) for by, text in zip(table["begins_by"], texts, strict=True)] == [True, True]
    assert "another value in ledger weekly#10, in effect since the start in" in table["ends_by"].iloc[0]
    timed = found.timeline.groupby("kind")["at"].agg(lambda at: at.notna().all())
    assert timed.to_dict() == {"answered": True, "boot": True, "change": False}
    assert "a leak outside the bundle is known" in _explained(found).loc[EXPOSED, "speaks_against"]
    for one, replaced in ((found, True), (opened_once("pair break"), False)):
        one.look(secret="API_TOKEN")
        assert one.steps["step"].str.contains("has been replaced").any() == replaced
        one.look(secret="API_TOKEN" if replaced else "")
    for first, last, counts in ((10, 14, False), (15, 16, True), (17, 18, False)):
        found.look(since=f"2026-09-{first}", until=f"2026-09-{last}")
        assert ("known to have leaked" in _explained(found).loc[USED, "speaks_for"]) == counts


def test_a_pair_counts_in_production_and_while_it_differed() -> None:
    """One of development explains nothing, nor one that broke after the window."""
    case, day = opened_once("pair break").case, pd.Timedelta(days=1)
    (pair,) = pairs_apart(case)
    assert (pair.secret, pair.other, pair.environment) == ("API_TOKEN", "NEXT_PUBLIC_API_TOKEN", "production")
    assert pair.within(case.window)
    assert not pair.within(Window(INCIDENT - 9 * day, INCIDENT - day))
    assert not pair.within(Window(INCIDENT + day, AS_OF))
    assert len(pairs_apart(replace(case, secret="API_TOKEN"))) == 1
    assert pairs_apart(replace(case, secret="JWT_SECRET_KEY")) == ()


def _no_values(folder: Path) -> None:
    rmtree(folder / ".audit/ledger")
    for name in ("backend/.env", "frontend/.env.local"):
        (folder / name).write_text("OTHER=1\n", "utf-8")


def _behind_a_proxy(folder: Path) -> None:
    for client in REGULARS:
        change(folder / LOG, client, "10.0.0.7")


def _since(days: float, line: str) -> bool:
    return line[:10] >= f"{INCIDENT - pd.Timedelta(days=days):%Y-%m-%d}"


TAKEN: dict[str, Callable[[Path], object]] = {
    "nothing": lambda at: None, "the day itself": partial(rewrite_log, keep=lambda line: not _since(0, line)),
    "all but a week": partial(rewrite_log, keep=partial(_since, 7)),
    "understanding": lambda at: change(at / LOG, "", "?? POST /api/auth/login 401\n"),
    "addresses": _behind_a_proxy, "snapshots": lambda at: rmtree(at / ".audit/ledger"), "values": _no_values,
    "one file": lambda at: (at / "frontend/.env.local").unlink(),
}  # fmt: skip


@pytest.mark.parametrize(("kind", "secret", "rest"), CASES["ruled_out"])
def test_unlikely_is_earned(kind: str, secret: str, rest: dict[str, list[str]], tmp_path: Path) -> None:
    """With all that it needs an explanation is unlikely where it explains nothing; else it is not."""
    for number, taken in enumerate(("nothing", *rest)):
        plant(folder := tmp_path / str(number), kind, 0)
        change(folder / TOML, 'name = "planted"', 'environments = ["production"]\nname = "planted"')
        TAKEN[taken](folder)
        ratings = _explained(opened(folder, secret=secret))["rating"]
        unlikely = set(ratings.index[ratings.eq("unlikely")])
        if taken == "nothing":
            assert set().union(*rest.values()) <= unlikely
        assert unlikely.isdisjoint(rest.get(taken, ())), taken


def test_a_window_that_no_log_reaches_rules_nothing_out(tmp_path: Path) -> None:
    """Two months after the last line silence rules nothing out, no symptom is none, nobody is blocked."""
    plant(tmp_path, "leaked and used", 1)
    found = opened(tmp_path, "2026-11-10", as_of=iso(AS_OF + pd.Timedelta(days=60)))
    table = _explained(found)
    assert not table["rating"].eq("unlikely").any()
    assert table["missing"].str.contains("none could be read").all()
    assert set(found.symptoms["verdict"]) == {"unknown"}
    assert not found.steps["step"].str.startswith("Block").any()
