"""An incident from its sources to its evidence: kinds of incidents, planted in generated projects."""

from pathlib import Path

import pandas as pd
import pytest

from audit_lib.base.clock import iso
from audit_lib.base.errors import BadInput
from audit_lib.incident.look import pick
from audit_lib.investigation import open_incident
from audit_lib.ledger import Draft, append
from audit_lib.ledger.keys import demo_key
from tests.support.fakes import fake_value
from tests.support.planted_incidents import AS_OF, EXPLAINED, INCIDENT, STRANGER, opened, plant
from tests.support.sample_copy import write_sample

PLACES = r":\d+$|^commit [0-9a-f]+$|^ledger "  # a line of a log or of the ledger, a commit
LONG = [pytest.param(kind, seed, marks=pytest.mark.long) for kind in EXPLAINED for seed in range(1, 6)]


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The sample project."""
    return write_sample(tmp_path_factory.mktemp("investigated") / "sample")


@pytest.mark.parametrize(("kind", "seed"), [*((kind, 0) for kind in EXPLAINED), *LONG])
def test_the_planted_explanation_comes_first(tmp_path: Path, kind: str, seed: int) -> None:
    """Of five explanations the true one is first, and the exposure window contains the true one.

    Of an outage no word speaks of an attack.
    """
    plan = plant(tmp_path, kind, seed)
    found = opened(tmp_path, secret=plan.secret)
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


def test_callers_behind_a_proxy_are_not_explained(tmp_path: Path) -> None:
    """Where all requests come from one private address nobody is named, and nothing is called unlikely."""
    plant(tmp_path, "proxy collapse", 0)
    found = opened(tmp_path)
    guessed = found.explanations.set_index("explanation").loc["guessed logins"]
    assert (guessed["rating"], found.suspects) == ("unknown", ())
    assert "a proxy hides the callers" in guessed["missing"]


@pytest.mark.parametrize(
    ("asked", "fault"),
    [
        ({"since": "yesterday"}, "since: must be a date or time"),
        ({"since": "2026-09-19", "until": "2026-09-01"}, "since"),
        ({"secret": "NO_SUCH_NAME"}, "secret: no such variable in the policy or the project"),
        ({"address": "1.2.3"}, "address: must be an address such as 203.0.113.45"),
    ],
)
def test_what_cannot_be_asked_is_said_in_one_line(tmp_path: Path, asked: dict[str, str], fault: str) -> None:
    """A date or a name that cannot be used ends as bad input, and the text given is not repeated."""
    plant(tmp_path, "quiet misuse", 0)
    with pytest.raises(BadInput, match=fault) as raised:
        open_incident(str(tmp_path), **asked)
    assert not [text for text in asked.values() if text in str(raised.value)]


def test_a_value_given_for_a_name_is_not_repeated(tmp_path: Path) -> None:
    """Somebody may paste the value itself."""
    plant(tmp_path, "quiet misuse", 0)
    value = fake_value("pasted", 40)
    for name in ("secret", "address"):
        with pytest.raises(BadInput) as raised:
            open_incident(str(tmp_path), **{name: value})
        assert value not in str(raised.value)


def test_an_empty_folder_is_no_application(tmp_path: Path) -> None:
    """A page about nothing would look like a clean one."""
    with pytest.raises(BadInput, match="holds nothing of an application"):
        open_incident(str(tmp_path))


def test_by_default_the_window_begins_with_the_leak(tmp_path: Path) -> None:
    """Of a secret that is named it begins when its leak was first seen; else it is the last seven days."""
    plan = plant(tmp_path, "leaked and used", 0)
    assert plan.exposed
    assert opened(tmp_path, "24h").case.window.since == AS_OF - pd.Timedelta(days=1)
    assert open_incident(str(tmp_path)).case.window.since == AS_OF - pd.Timedelta(days=7)
    assert open_incident(str(tmp_path), secret=plan.of).case.window.since == plan.exposed[0]


def test_detections_speak_of_the_window(tmp_path: Path) -> None:
    """Guessing is found in its window with its lines; in a later window there is none."""
    plant(tmp_path, "brute force", 0)
    there = opened(tmp_path, INCIDENT).detections.set_index("detection").loc["guessing"]
    assert (there["verdict"], there["subject"]) == ("found", STRANGER)
    assert there["evidence"].startswith("backend/logs/backend.log:")
    after = opened(tmp_path, INCIDENT + pd.Timedelta(days=2)).detections.set_index("detection")
    assert tuple(after.loc["guessing", ["verdict", "reason"]]) == ("none", "")


def test_looking_elsewhere_changes_every_frame(tmp_path: Path) -> None:
    """Another window, secret or address is looked at without reading again; what is wrong changes nothing."""
    plant(tmp_path, "brute force", 0)
    found = opened(tmp_path)
    assert found.suspects == (STRANGER,)
    found.look(since=iso(INCIDENT + pd.Timedelta(days=2)))
    assert found.explanations.iloc[0]["rating"] != "likely"
    assert STRANGER not in set(found.addresses["address"])
    found.look(since=iso(INCIDENT), address="192.0.2.11", secret="API_TOKEN")
    assert (found.suspects, found.case.secret) == (("192.0.2.11",), "API_TOKEN")
    with pytest.raises(BadInput):
        found.look(secret="NO_SUCH_NAME")
    assert found.case.secret == "API_TOKEN"


def test_pickers_go_on_after_a_wrong_choice(tmp_path: Path) -> None:
    """A field that was filled wrongly says so, and the next choice works."""
    pytest.importorskip("ipywidgets")
    plant(tmp_path, "brute force", 0)
    found = opened(tmp_path)
    box = pick(found)
    fields = {field.description: field for field in box.children[:-1]}
    assert STRANGER in fields["address"].options
    fields["address"].value = "nobody"
    assert "must be an address" in box.children[-1].value
    fields["address"].value = "192.0.2.11"
    fields["since"].value = iso(INCIDENT + pd.Timedelta(days=1))
    assert found.suspects == ("192.0.2.11",)
    assert "from 2026-09-17T00:00:00Z" in box.children[-1].value


def test_lines_and_notes(tmp_path: Path) -> None:
    """The line of a place is quoted with its neighbours; notes belong to their incident alone."""
    plant(tmp_path, "brute force", 0)
    found, other = opened(tmp_path), opened(tmp_path)
    place = found.detections.query("detection == 'guessing'")["evidence"].iloc[0].split("; ")[0]
    quoted = found.lines(place, around=1)
    assert len(quoted) == 3
    assert STRANGER in quoted["text"].iloc[1]
    assert len(found.lines(found.timeline.head(3), around=0)) == 3
    assert found.note("The office's address", place)["evidence"].tolist() == [place]
    assert (len(found.notes), len(other.notes)) == (1, 0)


def test_what_has_been_replaced_is_not_rotated_for_its_leak_again(tmp_path: Path) -> None:
    """Of a secret whose leaked value is retired the steps say by what; one in force is rotated."""
    plan = plant(tmp_path, "leaked and used", 1)
    steps = open_incident(str(tmp_path), secret=plan.of).steps
    assert steps["place"].iloc[0] == STRANGER
    assert "has been replaced (another value in ledger weekly#" in steps["step"].iloc[1]
    other = open_incident(str(tmp_path), secret="JWT_SECRET_KEY").steps
    assert other["command"].str.contains("audit-lib rotate new JWT_SECRET_KEY").any()


def test_a_leaked_value_is_rotated_where_it_is_in_force(sample: Path) -> None:
    """No place with another value is named, and no leaked secret is left out."""
    found = open_incident(str(sample))
    open_ = found.exposure.query("leaked and open")
    told = found.steps[found.steps["command"].str.contains("--compromised")]
    assert {text.split()[3] for text in told["command"]} == set(open_["secret"])
    for step in told.itertuples():
        mine = open_[open_["secret"] == step.command.split()[3]]
        assert set(step.place.split(", ")) == set(mine["environment"] + "/" + mine["service"])


def test_the_timeline_holds_deploys_and_revocations(tmp_path: Path, sample: Path) -> None:
    """Deploys stand with their lines; that a value was revoked is what somebody says."""
    deploys = open_incident(str(sample), "2026-08-19", "2026-08-22").timeline.query("kind == 'deploy'")
    assert deploys["text"].str.startswith(("failed (build_failed)", "took effect (deactivated)")).all()
    assert deploys["evidence"].str.startswith("evidence/deploys-backend.json:").all()
    plant(tmp_path, "leaked and used", 0)
    body = {"secret": "API_TOKEN", "environment": "production", "service": "backend", "day_only": True}
    body |= {"claimed_at": "2026-09-17T00:00:00Z", "fingerprint": "0" * 64, "by": "Ada", "proof": "401"}
    append(tmp_path / ".audit" / "ledger", demo_key(), Draft("revocation", body), AS_OF, "ada")
    told = opened(tmp_path, "2026-09-15").timeline.query("evidence == 'ledger ada#1'")
    assert told["text"].tolist() == ["revoked, says Ada"]
    assert told["at"].isna().all()


def test_the_figure_has_a_close_up_of_an_episode(sample: Path) -> None:
    """An outage within a week has axes of its own, with a mark for each request that failed in it."""
    axes = open_incident(str(sample), "2026-09-23", "2026-09-28").plot_timeline()
    close, _ = axes.figure.axes
    marks = [len(line.get_xdata()) for line in close.get_lines() if line.get_marker() == "x"]
    assert sum(marks) == 45
    assert "refused" in axes.figure.get_label()
