"""One leak for each value, one row for each secret: identity, classes, urgency, what to do first."""

import re
from datetime import datetime
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from audit_lib.leaks import tables
from audit_lib.leaks.find_leaks import LeakTargets
from audit_lib.leaks.search import LeakCoverage
from audit_lib.leaks.tables import Exposure, LeakAudit, LeakPlaces, Leaks, exit_code, leak_id, next_step
from audit_lib.ledger.timeline import Observation, SecretPlace, Tenure
from audit_lib.settings import EnvSource, Project
from tests.support.planter import new_plot
from tests.support.rows import data, filled, rows_of

CASES = data(Path(__file__).with_suffix(".toml"))
DAY = pd.Timestamp("2026-05-01", tz="UTC")


def at(day: int) -> datetime:
    """Noon of a day in March 2026."""
    return pd.Timestamp(2026, 3, day, 12, tz="UTC").to_pydatetime()


def sighting(**changed: Any) -> dict[str, Any]:
    """A sighting in a commit."""
    return {
        "fingerprint": "f", "matched": "exact", "place": "commit", "path": "a.py", "line": 3, "commit": "c1",
        "encoding": "plain", "authored_at": at(5), "committed_at": at(6), "at_head": True, "reachable": True,
        "occurrences": 2, "deploys": True,
    } | changed  # fmt: skip


def target(**changed: Any) -> dict[str, Any]:
    """A value in force."""
    return {
        "fingerprint": "f", "variable": "API_TOKEN", "names": "API_TOKEN", "in_force": "production",
        "kind": "leak", "reason": "", "provider": "",
    } | changed  # fmt: skip


def leaks(sightings: list[dict[str, Any]], targets: list[dict[str, Any]], **given: Any) -> pd.DataFrame:
    """The leaks that the sightings make."""
    seen, sought = pd.DataFrame(sightings), LeakTargets.of(targets)
    return tables.tabulate_leaks(seen, sought, given.pop("inventory", rows_of("inventory")), **given)[0]


def test_many_places_are_one_leak() -> None:
    """Paths, encodings and commits of one value are one leak; its first commit is the earliest."""
    rows = [
        sighting(),
        sighting(path="b.py", commit="c0", authored_at=at(2), committed_at=at(9), at_head=False),
        sighting(place="working tree", commit="", authored_at=None, committed_at=None, reachable=False),
        sighting(encoding="base64", commit="c2", authored_at=at(7)),
    ]
    leak = leaks(rows, [target()]).squeeze()
    assert (leak["first_commit"], leak["first_at"], leak["first_committed_at"]) == ("c0", at(2), at(9))
    assert (leak["occurrences"], leak["at_head"], leak["reachable"]) == (8, True, True)


def test_an_identifier_is_of_places_and_names_alone() -> None:
    """Each run without a key gives other fingerprints, and the same ids: of kind, variable, path, ordinal."""
    met = [("f", "a.py", at(5)), ("g", "a.py", at(6)), ("h", "b.py", at(1))]
    about = [("b.py", 1), ("a.py", 1), ("a.py", 2)]
    for key in ("one", "other"):
        sightings = [sighting(fingerprint=key + f, path=path, authored_at=day) for f, path, day in met]
        table = leaks(sightings, [target(fingerprint=key + f, in_force="") for f, *_ in met])
        named = [leak_id("leak", "API_TOKEN", path, str(ordinal)) for path, ordinal in about]
        assert list(table["leak_id"]) == named


def test_under_a_key_no_date_names_a_leak() -> None:
    """A commit that is dated before all others renames none: the id follows from the keyed fingerprint."""
    for met in ([sighting()], [sighting(), sighting(fingerprint="a", authored_at=at(1), committed_at=at(1))]):
        table = leaks(met, [target(), target(fingerprint="a")], keyed=True)
        assert dict(zip(table["fingerprint"], table["leak_id"], strict=True))["f"] == leak_id("f")
    assert table["leak_id"].is_unique


@pytest.mark.parametrize(("matched", "kind", "expected"), CASES["classes"])
def test_classes(matched: str, kind: str, expected: str) -> None:
    """Each kind is told apart; what a pattern finds is in force wherever the inventory holds it."""
    held = rows_of("inventory", {"fingerprint": "f", "environment": "staging"})
    leak = leaks([sighting(matched=matched)], [target(kind=kind)], inventory=held).iloc[0]
    assert f"{leak['kind']} {leak['matched']} {leak['in_force']}" == expected


def test_a_later_commit_is_left_out_by_date() -> None:
    """As of an earlier day what a later commit brought is left out; a file on disk has no date."""
    on_disk = {"commit": "", "place": "log", "authored_at": None, "committed_at": None}
    rows = [sighting(), sighting(fingerprint="g", **on_disk)]
    for day, names in ((5, ["OTHER"]), (6, ["API_TOKEN", "OTHER"])):
        table = leaks(rows, [target(), target(fingerprint="g", variable="OTHER")], as_of=at(day))
        assert list(table["variable"]) == names


def leak(name: str, **changed: Any) -> dict[str, Any]:
    """A leak of a value that only the history holds, and of which nothing is known."""
    return {
        "leak_id": name, "variable": name, "provider": "", "kind": "leak", "matched": "exact",
        "fingerprint": name, "first_commit": "c", "first_at": DAY, "first_committed_at": DAY,
        "at_head": False, "reachable": True, "in_force": "", "force": "not known", "occurrences": 1,
    } | changed  # fmt: skip


def test_the_order_of_urgency() -> None:
    """Production first, then how long, then reach; elsewhere; a provider's; at HEAD, in history; replaced."""
    ordered = [
        leak("production, further", in_force="production", occurrences=9),
        leak("production, longer", in_force="production"),
        leak("production", in_force="development,production", first_at=DAY + pd.Timedelta(days=1)),
        leak("elsewhere", in_force="staging"), leak("of Slack", provider="Slack"), leak("head", at_head=True),
        leak("disk", first_commit="", first_at=None), leak("history"), leak("undated", first_at=None),
        leak("replaced", variable="OLD", at_head=True),
        leak("template", kind="template", in_force="production"),
    ]  # fmt: skip
    inventory = rows_of("inventory", {"secret": "OLD", "variable": "OLD", "fingerprint": "new"})
    for given in (ordered[::-1], [*ordered[5:], *ordered[:5]]):
        found = tables.with_force(Leaks.of(given), inventory)
        assert list(found["leak_id"]) == [one["leak_id"] for one in ordered]


@pytest.mark.parametrize(("kind", "homes", "force", "code"), CASES["homes"])
def test_not_in_force_is_earned(kind: str, homes: tuple[dict[str, Any], ...], force: str, code: int) -> None:
    """A leaked value is not in force only if another one was seen in each place of its secret, production of
    each service among them: a name in development proves nothing of it."""
    named = [leak(name, fingerprint="API_TOKEN", kind=kind) for name in ("API_TOKEN", "config.api_token")]
    table = tables.with_force(Leaks.of(named), rows_of("inventory", *homes))
    assert list(table["force"]) == [force, force]
    assert exit_code(table, LeakCoverage.of([]), ("not-known",)) == code


def stay(fingerprint: str, gone: str, environment: str) -> Tenure:
    """One value's stay until a snapshot in September saw another."""
    look = Observation(DAY.to_pydatetime(), fingerprint, "ledger#1", "ledger")
    after = Observation(pd.Timestamp("2026-09-05", tz="UTC").to_pydatetime(), gone, "ledger#2", "ledger")
    home = SecretPlace("API_TOKEN", environment, "backend")
    return Tenure(home, fingerprint, look, look, gone=after if gone else None)


@pytest.mark.parametrize(("homes", "stayed", "force", "status", "reason"), CASES["stays"])
def test_the_ledger_knows_a_value(homes: Any, stayed: Any, force: str, status: str, reason: str) -> None:
    """A value that a pattern finds, and that no source holds any more, is the earlier one of its secret."""
    inventory, in_force = rows_of("inventory", *homes), "production" if force == "in force" else ""
    found = target(variable="token of a kind", in_force=in_force, kind="pattern")
    table = leaks([sighting()], [found], inventory=inventory, stays=[stay(*stayed)])
    known = "API_TOKEN" if stayed[0] == "f" else "token of a kind"
    assert (table["variable"].item(), table["force"].item()) == (known, force)
    exposure = tables.tabulate_exposure(table, inventory, [stay(*stayed)])
    assert exposure[["secret", "status", "reason"]].values.tolist() == [[known, status, reason]]


@pytest.mark.parametrize(("leaked", "held", "rows", "also"), CASES["keys"])
def test_an_id_is_of_its_secret(leaked: list[str], held: list[str], rows: Any, also: str) -> None:
    """The id of a key that leaked with its secret is told with it; alone it opens nothing."""
    names = ({"secret": name, "variable": name, "fingerprint": name} for name in (*leaked, *held))
    table, places = Leaks.of([leak(name, in_force="production") for name in leaked]), LeakPlaces.of([])
    exposure = tables.tabulate_exposure(table, rows_of("inventory", *names))
    found = tables.tabulate_leaked_secrets(LeakAudit(table, places, places), exposure)
    assert (tuple(zip(found["secret"], found["status"], strict=True)), found["also"][0]) == (rows, also)


def exposed(secret: str, status: str, environment: str = "production", **more: Any) -> dict[str, Any]:
    """A row of Exposure."""
    place = {"environment": environment, "service": "backend" if environment else "", "first_at": DAY}
    return {"leak_id": secret, "secret": secret, "status": status, "reason": "why"} | place | more


def test_a_secret_is_one_row_of_its_worst_status() -> None:
    """In force in two places and replaced in a third: a row of production, which names its own leak first."""
    rows = [
        exposed("KEY", "emergency", "staging"), exposed("KEY", "emergency"), exposed("FOUND", "unknown", ""),
        exposed("KEY", "historic", "development", leak_id="OLDER"), exposed("KEY", "emergency", leak_id="ID"),
    ]  # fmt: skip
    given = [leak("KEY"), leak("OLDER"), leak("FOUND", kind="pattern"), leak("ID", provider="AWS")]
    places = LeakPlaces.of(
        {"leak_id": "KEY", "place": "commit", "path": f"f{n}", "line": n, "commit": "c" * 40, "encoding": ""}
        for n in range(7)
    )
    table = tables.tabulate_leaked_secrets(LeakAudit(Leaks.of(given), places, places), Exposure.of(rows))
    key, found = table.to_dict("records")
    assert (key["leak_ids"], key["status"], key["environment"]) == ("KEY, ID", "emergency", "production")
    assert key["covers"] == (("KEY", "production", "backend"), ("KEY", "staging", "backend"))
    assert key["places"].endswith("f4:4 in cccccccccccc; and 2 more in report.json")
    assert key["also"] == "; other values of it that leaked: OLDER"
    assert (found["secret"], found["status"], found["covers"]) == ("FOUND", "unknown", ())


@pytest.mark.parametrize(("name", "paths", "service", "alone"), CASES["alone"])
def test_what_stands_in_tests_alone_is_said(name: str, paths: list[str], service: str, alone: str) -> None:
    """What nobody names and only tests hold may be made for them; of any other place a leak may be in use."""
    leaks = Leaks.of([leak(name, kind="pattern")])
    places = filled(LeakPlaces, [{"leak_id": name, "path": path, "commit": "c"} for path in paths])
    exposure = Exposure.of([exposed(name, "unknown", "") | {"service": service}])
    table = tables.tabulate_leaked_secrets(LeakAudit(leaks, places, places), exposure)
    title = f"key in {paths[0]}" if name == "key" else name
    assert table[["secret", "named"]].to_numpy().tolist() == [[alone or name, title]]
    for aside, other in (("comment", tables.ELSEWHERE), ("public", tables.PUBLIC), (tables.OTHERS,) * 2):
        idle = LeakAudit(leaks, places, places, aside=dict.fromkeys(leaks["fingerprint"], aside))
        gathered = alone if alone == tables.TESTS and aside != tables.OTHERS else other
        table = tables.tabulate_leaked_secrets(idle, exposure)
        assert list(table["secret"]) == [name if service and gathered == tables.ELSEWHERE else gathered]
    away = places.assign(place="unreachable")
    lost = tables.tabulate_leaked_secrets(LeakAudit(leaks, away, away), exposure)
    assert lost[["secret", "covers"]].to_numpy().tolist() == [[tables.UNHELD, ()]]
    known = tables.tabulate_leaked_secrets(LeakAudit(leaks.assign(kind="leak"), away, away), exposure)
    assert tables.UNHELD not in set(known["secret"])


def test_what_stands_in_tests_alone_is_one_row() -> None:
    """Values of several names are looked through at once, and what was chosen for tests with them; one that
    is in force anywhere, was held or was issued keeps its own row, that also in settings of development."""
    given = {name: {"kind": "pattern"} for name in ("A", "B", "LIVE")} | {"CHOSEN": {"kind": "possible"}}
    given |= {"HELD": {}, "CUT": {"kind": "truncated"}, "ISSUED": {"kind": "pattern", "provider": "Slack"}}
    kept = {name: name for name in ("LIVE", "HELD", "CUT", "ISSUED")}
    leaks = Leaks.of([leak(name, **changed) for name, changed in given.items()])
    places = filled(LeakPlaces, [{"leak_id": name, "path": "tests/a.py"} for name in given])
    exposure = [exposed(name, "emergency" if name == "LIVE" else "unknown") for name in (*kept, "A", "B")]
    found = LeakAudit(leaks, places, places)
    table = tables.tabulate_leaked_secrets(found, Exposure.of(exposure)).set_index("secret")
    assert table["leak_ids"].to_dict() == kept | {tables.TESTS: "A, B, CHOSEN"}
    unknown = Exposure.of([exposed(name, "unknown", "") for name in ("ISSUED", "A")])
    dev = LeakAudit(leaks, places.assign(path="settings/dev.py"), places)
    assert {*tables.tabulate_leaked_secrets(dev, unknown)["secret"]} == {"ISSUED", tables.ELSEWHERE}
    assert tables.tabulate_chosen_passwords(found).empty
    used = [places.assign(path="a.py"), places, {"CHOSEN": tables.OTHERS}]
    assert tables.tabulate_chosen_passwords(LeakAudit(leaks, *used[:2])).shape[0] == 1
    assert tables.tabulate_chosen_passwords(LeakAudit(leaks, *used)).empty


CLASSES = ("in-force", "not-known", "not-in-force", "possible")
WHOLE = [("git objects", "searched"), ("files", "searched"), ("values", "searched")]


def _code(leaks: list[tuple[str, str]], more: list[tuple[str, str]], stops: tuple[str, ...]) -> int:
    found = pd.DataFrame(leaks, columns=["kind", "force"]).assign(variable="NAME")
    return exit_code(found, pd.DataFrame([*WHOLE, *more], columns=["part", "state"]).assign(count=1), stops)


@pytest.mark.parametrize(("leak", "codes"), CASES["codes"])
def test_a_class_stops_with_all_that_is_more_urgent(leak: tuple[str, str], codes: list[int]) -> None:
    """What is less urgent than the class named lets a pipeline go on."""
    assert tuple(_code([leak], [], CLASSES[: number + 1]) for number in range(len(CLASSES))) == codes


@pytest.mark.parametrize(("found", "counts", "words"), CASES["first"])
def test_what_to_do_first(found: list[tuple[str, str]], counts: list[int], words: str) -> None:
    """The most urgent class that there is. None may be said only if all was searched, and for something."""
    coverage = pd.DataFrame(WHOLE[: len(counts)], columns=["part", "state"]).assign(count=list(counts))
    leaks = pd.DataFrame(list(found), columns=["kind", "force"]).assign(variable="NAME")
    assert next_step(leaks, coverage).startswith(words)


def test_a_purge_takes_files_or_texts(tmp_path: Path) -> None:
    """Env files, and what left HEAD, go as a whole, of others a text; what is beside git is named."""
    plot = new_plot(tmp_path / "a b")
    for name in (names := ("a.env", "no.env", "compose.yml", "app.py")):
        plot.commit(name, "x\n")
    homes = (*(EnvSource("production", "api", name, example=name == "no.env") for name in names[:3]),)
    for places, purged, steps in CASES["purges"]:
        rows = filled(LeakPlaces, [dict(zip(("place", "path"), place, strict=True)) for place in places])
        found = tables.purge_of(Project("p", plot.root, env_sources=homes), rows)
        assert (found.purged, found.elsewhere) == (purged, () if purged else ("l.log", "n.ipynb"))
        told = " ".join(found.commands)
        assert tuple(re.findall("--replace-text|--invert-paths|rm --cached", told)) == steps
        assert told.count("a b'") == told.count("git -C '")


@pytest.mark.parametrize(("row", "code"), CASES["not searched"])
def test_what_was_not_searched_is_no_pass(row: tuple[str, str], code: int) -> None:
    """A place that was left out is 2 where nothing was found, and a leak stays 3."""
    assert [_code(found, [row], ("in-force",)) for found in ([], [("leak", "in force")])] == [code, 3]


def test_the_most_telling_places_come_first() -> None:
    """Of a provider's value, then what deploys or seeds before code, code before scripts, tests last."""
    paths = ["tests/a.py", "scripts/a.py", "app.py", "db/seeds.rb", "b.py"]
    ids = dict.fromkeys(paths, "A") | {"b.py": "B"}
    places = filled(LeakPlaces, [{"leak_id": ids[path], "path": path} for path in paths])
    leaks = Leaks.of([leak("A", kind="pattern"), leak("B", kind="pattern", provider="Slack")])
    exposure = Exposure.of([exposed(name, "unknown", "") | {"secret": "KEY"} for name in ("A", "B")])
    (row,) = tables.tabulate_leaked_secrets(LeakAudit(leaks, places, places), exposure).to_dict("records")
    assert row["places"] == "b.py; db/seeds.rb; app.py; scripts/a.py; tests/a.py"
    assert (row["providers"], row["named"]) == ("Slack", "KEY (Slack)")
