"""What is remembered of a window's detections: the same incidents, for the same evidence alone."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from audit_lib.incident import kept_detections
from audit_lib.incident.investigation import Investigation, LastComputed
from audit_lib.incident.kept_detections import detect_once
from audit_lib.incident.window_detections import detected_in_window
from audit_lib.investigation import seen_through
from audit_lib.ledger import Ledger
from audit_lib.ledger.keys import demo_key
from audit_lib.logins.requests import Window
from audit_lib.secrecy.keeper import Key
from tests.support.planted_incidents import plant
from tests.test_investigation import looked_into

LOGS = "a digest of what was read"


@pytest.fixture(scope="module")
def planted(tmp_path_factory: pytest.TempPathFactory) -> Investigation:
    """An incident with alarms of addresses, of networks and of none."""
    folder = tmp_path_factory.mktemp("planted")
    return looked_into(folder, plant(folder, "brute force", 0))


def anew(investigation: Investigation) -> Investigation:
    """As another kernel opens it: nothing is computed yet."""
    return replace(investigation, computed=LastComputed())


def a_day_earlier(investigation: Investigation) -> Investigation:
    """Through another window."""
    window = investigation.window
    return seen_through(investigation, Window(window.since - timedelta(days=1), window.until))


def without_ledger(investigation: Investigation) -> Investigation:
    """As if nothing were on record."""
    return replace(investigation, ledger=Ledger())


def without_a_source(investigation: Investigation) -> Investigation:
    """As if one file less had been read."""
    return replace(investigation, sources=investigation.sources.iloc[:-1])


def by_other_rules(investigation: Investigation) -> Investigation:
    """By a policy whose callers are declared, or not."""
    rules = investigation.rules
    held = LastComputed()
    held.get("rules", (), lambda: rules.model_copy(update={"clients": "" if rules.clients else "real"}))
    return replace(investigation, computed=held)


def test_what_is_recalled_is_what_was_found(
    planted: Investigation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another kernel has the same incidents, every field of them, and runs no detection."""
    detect_once(anew(planted), demo_key(), LOGS, tmp_path)
    found = detected_in_window(anew(planted))
    again = anew(planted)
    monkeypatch.setattr(kept_detections, "detected_in_window", None)
    detect_once(again, demo_key(), LOGS, tmp_path)
    assert any(one.incidents for one in found.detected)
    assert detected_in_window(again) == found


@pytest.mark.parametrize("change", [a_day_earlier, without_ledger, without_a_source, by_other_rules])
def test_other_evidence_is_looked_at_anew(
    planted: Investigation, tmp_path: Path, change: Callable[[Investigation], Investigation]
) -> None:
    """Another window, ledger, source or rule: what was found before is not believed."""
    detect_once(anew(planted), demo_key(), LOGS, tmp_path)
    changed = change(anew(planted))
    detect_once(changed, demo_key(), LOGS, tmp_path)
    assert len(list(tmp_path.rglob("*.json"))) == 2


def test_a_changed_byte_is_found_anew(planted: Investigation, tmp_path: Path) -> None:
    """Who writes into the cache cannot take an incident away."""
    detect_once(anew(planted), demo_key(), LOGS, tmp_path)
    [kept] = tmp_path.rglob("*.json")
    kept.write_bytes(kept.read_bytes().replace(b'"found"', b'"quiet"'))
    again = anew(planted)
    detect_once(again, demo_key(), LOGS, tmp_path)
    assert detected_in_window(again) == detected_in_window(anew(planted))


@pytest.mark.parametrize(("key", "logs"), [(Key.throw_away(), LOGS), (demo_key(), "")])
def test_what_cannot_be_named_is_not_kept(
    planted: Investigation, tmp_path: Path, key: Key, logs: str
) -> None:
    """Under a throw-away key, or with logs that were not remembered, nothing is written."""
    detect_once(anew(planted), key, logs, tmp_path)
    assert not list(tmp_path.iterdir())
