"""An incident from its sources to its evidence: kinds of incidents, planted in generated projects."""

import tomllib
from pathlib import Path

import pandas as pd
import pytest

from audit_lib.base.clock import iso
from audit_lib.base.errors import BadInput
from audit_lib.incident.look import pick
from audit_lib.investigation import Investigation, open_incident
from audit_lib.ledger import Draft, append
from audit_lib.ledger.keys import demo_key
from audit_lib.report.figures import png
from tests.support.fakes import fake_value
from tests.support.planted_incidents import (
    AS_OF,
    EXPLAINED,
    INCIDENT,
    STRANGER,
    opened,
    opened_once,
    plant,
    planted,
)
from tests.support.sample_copy import write_sample

CASES = tomllib.loads(Path(__file__).with_suffix(".toml").read_text("utf-8"))
PLACES = r":\d+$|^commit [0-9a-f]+$|^ledger "  # a line of a log or of the ledger, a commit
GUESSES, DAY = "brute force", pd.Timedelta(days=1)
LONG = [pytest.param(kind, seed, marks=pytest.mark.long) for kind in EXPLAINED for seed in range(1, 6)]


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Investigation:
    """The sample, opened once."""
    return open_incident(str(write_sample(tmp_path_factory.mktemp("investigated") / "sample")))


@pytest.fixture
def guessing() -> Investigation:
    """The planted guessing, opened once and looked at anew, without notes."""
    found = opened_once(GUESSES)
    found.look(since=iso(INCIDENT - DAY / 12), until=iso(AS_OF), address="", secret="")
    return found


@pytest.mark.parametrize(("kind", "seed"), [*((kind, 0) for kind in EXPLAINED), *LONG])
def test_the_planted_explanation_comes_first(kind: str, seed: int) -> None:
    """Of five explanations the true one is first, and the exposure window contains the true one."""
    folder, plan = planted(kind, seed)
    found = opened(folder, secret=plan.secret) if seed or plan.secret else opened_once(kind)
    table = found.explanations
    assert (table.iloc[0]["explanation"], table.iloc[0]["rating"]) == EXPLAINED[kind], table.to_string()
    assert found.timeline["evidence"].str.contains(PLACES).all()
    said = found.summary()
    assert said.is_attack is (EXPLAINED[kind][0] in ("guessed logins", "leaked value used"))
    assert ("an attack" in said.text()) is said.is_attack
    assert not said.is_attack or found.suspects == (STRANGER,)
    if plan.exposed:
        mine = found.exposure.query("secret == @plan.of and not open")
        assert len(mine) == 1
        assert mine.iloc[0]["begins_at"] <= plan.exposed[0]
        assert mine.iloc[0]["ends_at"] >= plan.exposed[1]


def test_callers_behind_a_proxy_are_not_explained() -> None:
    """Where all requests come from one private address nobody is named, and nothing is called unlikely."""
    found = opened_once("proxy collapse")
    guessed = found.explanations.set_index("explanation").loc["guessed logins"]
    assert (guessed["rating"], found.suspects) == ("unknown", ())
    assert "a proxy hides callers" in guessed["missing"]


@pytest.mark.parametrize(("given", "fault"), CASES["refused"])
def test_what_cannot_be_asked_is_said_in_one_line(
    guessing: Investigation, given: dict[str, str], fault: str
) -> None:
    """A date or a name that cannot be used ends as bad input, and the text given is not repeated."""
    given = {name: text.format(pasted=fake_value("pasted", 40)) for name, text in given.items()}
    before = guessing.case
    with pytest.raises(BadInput, match=fault) as raised:
        guessing.look(**given)
    assert not [text for text in given.values() if text in str(raised.value)]
    assert guessing.case is before


@pytest.mark.parametrize(
    ("project", "fault"), [("", "holds nothing of an app"), (GUESSES, "no such variable")]
)
def test_an_incident_that_cannot_be_opened_is_bad_input(project: str, fault: str, tmp_path: Path) -> None:
    """A page about an empty folder would look like a clean one; a faulty parameter is refused at once."""
    folder = planted(project)[0] if project else tmp_path
    with pytest.raises(BadInput, match=fault):
        open_incident(str(folder), secret="NO_SUCH_NAME" if project else "")


def test_by_default_the_window_begins_with_the_leak() -> None:
    """Of a secret that is named it begins when its leak was first seen; else it is the last seven days."""
    folder, plan = planted("leaked and used")
    assert plan.exposed
    found = open_incident(str(folder))
    assert found.case.window.since == AS_OF - 7 * DAY
    found.look(since="24h")
    assert found.case.window.since == AS_OF - DAY
    assert open_incident(str(folder), secret=plan.of).case.window.since == plan.exposed[0]


def test_looking_elsewhere_changes_every_frame(guessing: Investigation) -> None:
    """Another window, secret or address is looked at without reading again."""
    there = guessing.detections.set_index("detection").loc["guessing"]
    assert (there["verdict"], there["subject"], guessing.suspects) == ("found", STRANGER, (STRANGER,))
    assert there["evidence"].startswith("backend/logs/backend.log:")
    guessing.look(since=iso(INCIDENT + 2 * DAY))
    after = guessing.detections.set_index("detection").loc["guessing"]
    assert (after["verdict"], after["reason"]) == ("none", "")
    assert guessing.explanations.iloc[0]["rating"] != "likely"
    assert STRANGER not in set(guessing.addresses["address"])
    guessing.look(since=iso(INCIDENT), address="192.0.2.11", secret="API_TOKEN")
    assert (guessing.suspects, guessing.case.secret) == (("192.0.2.11",), "API_TOKEN")


def test_pickers_go_on_after_a_wrong_choice(guessing: Investigation) -> None:
    """A field that was filled wrongly says so, and the next choice works."""
    box = pick(guessing)
    fields = {field.description: field for field in box.children[:-1]}
    assert STRANGER in fields["address"].options
    fields["address"].value = "nobody"
    assert "must be an address" in box.children[-1].value
    fields["address"].value = "192.0.2.11"
    fields["since"].value = iso(INCIDENT + DAY)
    assert guessing.suspects == ("192.0.2.11",)
    assert "from 2026-09-17T00:00:00Z" in box.children[-1].value


def test_lines_and_notes(guessing: Investigation) -> None:
    """The line of a place is quoted with its neighbours; notes belong to their incident alone."""
    place = guessing.detections.query("detection == 'guessing'")["evidence"].iloc[0].split("; ")[0]
    quoted = guessing.lines(place, around=1)
    assert len(quoted) == 3
    assert STRANGER in quoted["text"].iloc[1]
    assert len(guessing.lines(guessing.timeline.head(3), around=0)) == 3
    other = Investigation(guessing.case)
    assert other.note("The office's address", place)["evidence"].tolist() == [place]
    assert (len(other.notes), len(guessing.notes)) == (1, 0)


def test_what_has_been_replaced_is_not_rotated_for_its_leak_again() -> None:
    """Of a secret whose leaked value is retired the steps say by what; one in force is rotated."""
    folder, plan = planted("leaked and used", 1)
    found = open_incident(str(folder), secret=plan.of)
    assert found.steps["place"].iloc[0] == STRANGER
    assert "has been replaced (another value in ledger weekly#" in found.steps["step"].iloc[1]
    found.look(secret="JWT_SECRET_KEY")
    assert found.steps["command"].str.contains("audit-lib rotate new JWT_SECRET_KEY").any()


def test_a_leaked_value_is_rotated_where_it_is_in_force(sample: Investigation) -> None:
    """No place with another value is named, and no leaked secret is left out."""
    sample.look()
    open_ = sample.exposure.query("leaked and open")
    told = sample.steps[sample.steps["command"].str.contains("--compromised")]
    assert {text.split()[3] for text in told["command"]} == set(open_["secret"])
    for step in told.itertuples():
        mine = open_[open_["secret"] == step.command.split()[3]]
        assert set(step.place.split(", ")) == set(mine["environment"] + "/" + mine["service"])


def test_the_timeline_holds_deploys_and_revocations(tmp_path: Path, sample: Investigation) -> None:
    """Deploys stand with their lines; that a value was revoked is what somebody says."""
    sample.look(since="2026-08-19", until="2026-08-22")
    deploys = sample.timeline.query("kind == 'deploy'")
    assert deploys["text"].str.startswith(("failed (build_failed)", "took effect (deactivated)")).all()
    assert deploys["evidence"].str.startswith("evidence/deploys-backend.json:").all()
    plant(tmp_path, "leaked and used", 0)
    body = {"secret": "API_TOKEN", "environment": "production", "service": "backend", "day_only": True}
    body |= {"claimed_at": "2026-09-17T00:00:00Z", "fingerprint": "0" * 64, "by": "Ada", "proof": "401"}
    append(tmp_path / ".audit" / "ledger", demo_key(), Draft("revocation", body), AS_OF, "ada")
    told = opened(tmp_path, "2026-09-15").timeline.query("evidence == 'ledger ada#1'")
    assert told["text"].tolist() == ["revoked, says Ada"]
    assert told["at"].isna().all()


@pytest.mark.filterwarnings("error")
def test_the_figure_has_a_close_up_of_an_episode(sample: Investigation) -> None:
    """An outage within a week has axes of its own, from deploy to deploy, with a mark for each failure."""
    sample.look(since="2026-09-23", until="2026-09-28")
    axes = sample.plot_timeline()
    close, _ = axes.figure.axes
    marks = [len(line.get_xdata()) for line in close.get_lines() if line.get_marker() == "x"]
    assert (sum(marks), [round(at % 1 * 1440) for at in close.get_xlim()]) == (45, [591, 624])
    assert "refused" in axes.figure.get_label()
    sample.look(since="2026-09-23", until="2026-09-27T02:00")
    assert png(sample.plot_timeline())  # four days and two hours fit no step of nine ticks
