"""What is searched for, what nobody gave and other scanners found: from values to leaks."""

import gzip
import json
import tomllib
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from audit_lib.base.errors import BadInput
from audit_lib.leaks import tables
from audit_lib.leaks.find_leaks import (
    LeakAudit,
    LeakTargets,
    find_leaks,
    leak_targets,
    read_reports,
    search_staged,
    shown_names,
    with_found,
)
from audit_lib.leaks.rules import Rules, Shape
from audit_lib.leaks.search import LeakOptions
from audit_lib.leaks.sources import Reading
from audit_lib.leaks.tables import OTHERS, shows_no_leak, tabulate_leaks
from audit_lib.secrecy.keeper import Keeper, Key
from audit_lib.secrecy.redact import MARK
from audit_lib.secrets.inventory import Inventory
from audit_lib.secrets.read_project import ProjectRead
from audit_lib.secrets.sources import EnvEntries
from audit_lib.settings import EnvSource, LogSource, Project, bundled_policy, choose_policy, load_project
from tests.leaks.test_search import search_places, targets_of
from tests.support.fakes import fake_value
from tests.support.planter import PLACES, new_plot
from tests.support.rows import filled, rows_of

CASES = tomllib.loads(Path(__file__).with_suffix(".toml").read_text("utf-8"))


def audit(root: Path, kept: Path, name: str = "p", at: Any = None, **given: Any) -> tuple[LeakAudit, Keeper]:
    """The leaks of a project whose values nobody knows, but for those that are `held`."""
    held = rows_of("inventory", *given.pop("held", [{"fingerprint": "in force"}]))
    keeper, options = Keeper(Key(b"k" * 32, "file")), LeakOptions(cache=kept / "cache", **given)
    known = bundled_policy("paiid"), EnvEntries.of([]), held
    example = EnvSource("", "backend", ".env.example", example=True)
    project = Project(name, root, env_sources=(EnvSource("production", "backend", ".env"), example))
    return find_leaks(project, keeper, *known, as_of=at, options=options), keeper


def test_an_earlier_value_is_one_that_was_held(tmp_path: Path) -> None:
    """Another is in force; what else has its name, a text shows, or code fell back to perhaps never was."""
    plot, told = new_plot(tmp_path / "repo"), fake_value("e", 24, "123456789abcdef")
    old, own, more, shown, past, _ = values = [*map(fake_value, "adbcf"), told]
    for path, value in ((".env", old), (".env", ""), (".ci.env", more), (".ci.env", "")):
        plot.commit(path, f"API_TOKEN={value}\n")
    for line in ('A_TOKEN = "{}"', 'A_TOKEN = getenv(\n        "API_TOKEN",\n        "{}",\n)', ""):
        plot.commit("old.py", line.format(past) + "\n")
    plot.commit(".env.example", f"# API_TOKEN={shown}\n")
    plot.commit("code.php", f'// example: {{"token":"{told}"}}\n')
    plot.commit("settings.py", f'if API_TOKEN == "{shown}":\n    raise ValueError\nAPI_TOKEN = "{own}"\n')
    found, keeper = audit(plot.root, tmp_path)
    assert list(found.leaks["force"]) == [*["not known"] * 3, *["not in force"] * 3]
    assert [found.aside[keeper.fingerprint(it)] for it in values] == ["", "", *[OTHERS] * 3, "comment"]


def test_what_went_years_ago_is_one_row(tmp_path: Path) -> None:
    """Of nobody, in no file now, and first committed more than a year before: told together."""
    plot = new_plot(tmp_path / "repo")
    plot.commit("kept.yml", f"KEPT_TOKEN: {fake_value('kept')}\n")
    for name in ("OLD", "NEW"):
        for path in ("app.yml", "app/Shop.php"):
            plot.commit(path, f"'{name}_token' => '{fake_value(name + path)}',\n")
            plot.commit(path, "\n")
        plot.clock += 2 * 86_400
    found, _ = audit(plot.root, tmp_path, at=datetime.fromtimestamp(plot.clock + 362 * 86_400, UTC))
    table = tables.tabulate_leaked_secrets(found, tables.tabulate_exposure(found.leaks, Inventory.of([])))
    assert sorted(table["secret"]) == ["KEPT_TOKEN", "NEW_token", tables.CODE, tables.PAST]


@pytest.mark.parametrize(("path", "said", "is_known"), CASES["logged"])
def test_a_leak_in_a_log_has_its_record_s_time(path: str, said: str, is_known: bool, tmp_path: Path) -> None:
    """Since when it can be read is known: the record says so; of a line in another file it is not known."""
    keeper, value = Keeper(Key(b"k" * 32, "file")), fake_value("in a log")
    lines = f"GET /\n2026-08-20 03:00:07 {said}token={value}\n".encode()
    (file := tmp_path / "p" / path).parent.mkdir(parents=True)
    file.write_bytes(gzip.compress(lines) if path.endswith(".gz") else lines)
    project = Project("p", tmp_path / "p", log_sources=(LogSource("logs/*", time_zone="Europe/Berlin"),))
    targets = targets_of(keeper, {"TOKEN": value})
    found, _ = search_places(project, keeper, targets)
    leak = tabulate_leaks(found.assign(deploys=True), targets, Inventory.of([]))[0].iloc[0]
    known = "2026-08-20T01:00:07+00:00" if is_known else "NaT"
    assert (leak["first_at"].isoformat(), leak["first_commit"]) == (known, "")


@pytest.mark.parametrize(("size", "why"), [(2 << 20, ""), (5 << 20, "has more than 4,194,304 bytes")])
def test_patterns_are_searched_for_in_all_of_a_packed_log(size: int, why: str, tmp_path: Path) -> None:
    """A secret at its end is found, however small it was packed; of what is too large that is said."""
    requests = b"".join(b"GET /items/%d HTTP/1.1\n" % number for number in range(size // 25))
    lines = requests + f"api_token={fake_value('packed')}\n".encode()
    (tmp_path / "p").mkdir()
    (tmp_path / "p" / "app.log.1.gz").write_bytes(gzip.compress(lines))
    found, _ = audit(tmp_path / "p", tmp_path)
    said = [text for text in found.coverage["reason"] if "has more than" in text]
    assert (len(found.leaks), [text.partition(":")[0] for text in said]) == ((0, [why]) if why else (1, []))


def test_one_leak_for_each_secret(tmp_path: Path) -> None:
    """A value found by its shape once is found in every form and place; an identifier is counted alone."""
    plot, value, account = new_plot(tmp_path / "repo"), fake_value("one"), fake_value("account", 28)
    first = plot.commit("docs/SETUP.md", f"API_TOKEN={value}\nTRADIER_ACCOUNT_ID={account}\n")
    plot.commit("notes.txt", f"see {value}\n")
    plot.commit("b.txt", value.encode().hex())
    plot.file("backend/logs/app.log", f"Bearer {value}\n")
    found, keeper = audit(plot.root, tmp_path)
    (leak,) = found.leaks[["variable", "kind", "matched", "in_force", "first_commit"]].to_numpy().tolist()
    assert leak == ["API_TOKEN", "pattern", "pattern", "", first]
    assert {"docs/SETUP.md", "notes.txt", "b.txt", "backend/logs/app.log"} == set(found.places["path"])
    assert set(found.places["encoding"]) == {"plain", "hex"}
    assert found.coverage.query("reason.str.contains('identifier')")["count"].tolist() == [1]
    assert keeper.fingerprint(value) in keeper


def test_a_value_of_a_rule_without_a_name_has_the_one_before_it(tmp_path: Path) -> None:
    """The name on its line says more than the rule, which stands where there is none. Its URL is no other."""
    plot, url = new_plot(tmp_path / "repo"), "postgresql://ann:{}@db/shop"
    lines = {"shopUrl": f'const shopUrl = "{url}";', "url-password": f"see {url}"}
    lines |= {"DATABASE_URL": f"DATABASE_URL={url}"}
    plot.commit("a/b.txt", "\n\n".join(line.format(fake_value(name)) for name, line in lines.items()))
    leaks = audit(plot.root, tmp_path)[0].leaks
    assert sorted(leaks["variable"] + " " + leaks["kind"]) == sorted(f"{name} pattern" for name in lines)


def test_what_browsers_are_given_is_public_wherever_it_is(tmp_path: Path) -> None:
    """A key in settings of a frontend, in whatever else; no password, nothing of a server."""
    plot, (flags, mail, pay) = new_plot(tmp_path / "repo"), (fake_value(name, 22) for name in "fmp")
    plot.commit("frontend/env/prod.js", f"a = {{ flags: '{flags}', user: '{pay}' }}\n")
    plot.commit("frontend/env/server.js", f"MAIL_API_KEY = '{mail}'\n")
    plot.commit("deploy.yml", f"SHOP_FLAGS_KEY: {flags}\nPAY_PASSWORD: {pay}\n")
    found, keeper = audit(plot.root, tmp_path)
    assert [one for one, aside in found.aside.items() if aside == "public"] == [keeper.fingerprint(flags)]
    assert len(found.leaks) == 3


def test_what_code_or_a_log_shows_is_told_apart(tmp_path: Path) -> None:
    """What nobody held is in one row with its names; what a log shows is named by its line, and is first."""
    plot, values = new_plot(tmp_path / "repo"), {path: fake_value(path) for path, *_ in CASES["code"]}
    for path, line, row in CASES["code"]:
        (plot.file if row.endswith("logs") else plot.commit)(path, line.format(v=values[path]) + "\n")
    plot.commit(f"public/{values['app/MockTrait.php']}.jpg", "\n")
    plot.commit("app/Copy.php", f"// 'shop_token' => '{values['logs/shop.log']}',\n")
    found, keeper = audit(plot.root, tmp_path)
    held = rows_of("inventory", {"secret": "API_TOKEN", "variable": "API_TOKEN", "fingerprint": "in force"})
    table = tables.tabulate_leaked_secrets(found, tables.tabulate_exposure(found.leaks, held))
    told = table.assign(leak_id=table["leak_ids"].str.split(", ")).explode("leak_id")
    secrets = told.merge(found.leaks[["leak_id", "fingerprint"]]).set_index("fingerprint")["secret"]
    assert [secrets[keeper.fingerprint(it)] for it in values.values()] == [row for *_, row in CASES["code"]]
    first = table.query("status == 'unknown'").iloc[0]
    assert (first["named"], first["places"][:15]) == ("shop_token in logs/shop.log:1", "logs/shop.log:1")


@pytest.mark.parametrize(("path", "mode", "kinds"), CASES["own"])
def test_what_a_server_alone_has_is_no_leak(path: str, mode: int, kinds: list[str], tmp_path: Path) -> None:
    """Git does not track the file, not all may read it or compose does, and it is no log and no copy."""
    plot, text = new_plot(tmp_path / "repo"), f"api_token = {VALUE}\n".encode()
    for name, lines in CASES["beside"].items():
        plot.commit(name, lines)
    put = plot.commit if path.startswith("tracked") else plot.file
    put(path, gzip.compress(text) if path.endswith(".gz") else text)
    (plot.root / path).chmod(mode)
    found, _ = audit(plot.root, tmp_path)
    own = found.coverage[found.coverage["reason"].str.contains("1 value in use there")]
    assert (list(found.leaks["kind"]), list(own["place"])) == (kinds, [] if kinds else [path])
    assert shows_no_leak(found.coverage)


HIDDEN = ("commit message", "blob removed later", "dangling blob", "annotated tag", "newest stash")


def test_what_the_project_is_called_is_searched_for_nowhere(tmp_path: Path) -> None:
    """A login in a URL with such a password is still listed, as one that somebody chose."""
    plot = new_plot(tmp_path / "bookshelf")
    plot.commit("deploy.sh", "URL=postgresql://app:bookshelf@db/app\n")
    plot.commit("README.md", "bookshelf lends books\n")
    assert set(audit(plot.root, tmp_path, "bookshelf")[0].places["path"]) == {"deploy.sh"}


def test_history_is_searched_by_shape(tmp_path: Path) -> None:
    """What only the history holds is found by its shape too."""
    plot = new_plot(tmp_path / "repo")
    for where in HIDDEN:
        name = "" if where == "blob removed later" else "JWT_SECRET_KEY="  # it has TOKEN= before it
        PLACES[where](plot, f"{name}{fake_value(where)}")
    found, keeper = audit(plot.root, tmp_path)
    assert set(found.leaks["variable"]) == {"JWT_SECRET_KEY", "TOKEN"}
    assert set(found.leaks["fingerprint"]) == {keeper.fingerprint(fake_value(where)) for where in HIDDEN}


VALUE = fake_value("reported")


def _result(text: str = VALUE, path: str = "a/b.py", line: int = 7, **more: Any) -> dict[str, Any]:
    place = {"artifactLocation": {"uri": path}, "region": {"startLine": line, "snippet": {"text": text}}}
    return {"ruleId": "rule", "locations": [{"physicalLocation": place}]} | more


def _sarif(*results: dict[str, Any]) -> str:
    runs = [{"tool": {"driver": {"name": "x"}}, "results": [*results]}]
    return json.dumps({"version": "2.1.0", "runs": runs})


def _read(text: str, folder: Path) -> tuple[set[str], list[str], Keeper]:
    """The fingerprints of the values, the places without one, and who holds the values."""
    keeper, reading, file = Keeper(Key(b"k" * 32, "file")), Reading(), folder / "report.json"
    file.write_text(text)
    shapes = read_reports((file,), Rules(keeper, ()), reading)
    return {shape.fingerprint for shape in shapes}, [one.place for one in reading.left_out], keeper


@pytest.mark.parametrize("text", ["", "REDACTED", f"{VALUE[:9]}...", "two words", "a=1; b=2", "short"])
def test_a_withheld_value_is_said(text: str, tmp_path: Path) -> None:
    """What is redacted, cut off or no value is not searched for: its place is named."""
    values, left_out, _ = _read(_sarif(_result(text)), tmp_path)
    assert (values, left_out) == (set(), ["a/b.py:7"])


@pytest.mark.parametrize(("text", "places"), [
    ('{\n"runs": [', ["report.json"]), ("[1]", ["report.json"]), ('{"runs": [3]}', ["report.json.runs.0"]),
    (_sarif(_result(), _result(ruleId=3)), ["report.json.runs.0.results.1.ruleId"]),
    (_sarif(_result(ruleId=""), _result(ruleId=1)), ["report.json.runs.0.results"] * 2),
    (_sarif(_result(locations=3)), ["report.json.runs.0.results.0.locations"]),
    ("[" * 100_000, ["report.json"]), ("\udcff", ["report.json"]),
    (_sarif(*[_result(ruleId="")] * 33), ["report.json"] * 20 + ["--import"]),
])  # fmt: skip
def test_a_bad_report_says_where(text: str, places: list[str], tmp_path: Path) -> None:
    """File and result come first, then the fault, all at once and no value; the last line counts the rest."""
    file = tmp_path / "report.json"
    file.write_bytes(text.encode("utf-8", "surrogateescape"))
    with pytest.raises(BadInput) as caught:
        read_reports((file,), Rules(Keeper(Key(b"k" * 32, "file")), ()), Reading())
    assert all(place in fault.place for fault, place in zip(caught.value.faults, places, strict=True))
    assert VALUE not in str(caught.value)


def test_a_value_of_a_report_is_found_where_it_is(tmp_path: Path) -> None:
    """It joins a known leak or is one; a result without its value never counts as searched."""
    plot, known = new_plot(tmp_path / "repo"), fake_value("known")
    plot.commit("a/b.py", f"API_TOKEN = '{known}'\nplain({VALUE})\n")
    results = _result(known), _result(VALUE, "other.py"), _result(fake_value("lost"), "wiki.md")
    report = tmp_path / "report.json"
    report.write_text(_sarif(*results, _result("REDACTED", "gone.py", 3)))
    found, _ = audit(plot.root, tmp_path, reports=(report,))
    assert len(found.leaks) == 3
    assert set(found.places["path"]) == {"a/b.py", "wiki.md"}
    rows = found.coverage[found.coverage["part"] == "reports"]
    assert list(zip(rows["state"], rows["count"], strict=True)) == [("partly", 4), ("not searched", 1)]
    assert not shows_no_leak(found.coverage)


GENERATED = fake_value("also a setting", 32)
PIECE = "_1Uco" + "Pwd1WB"
BUS = "Endpoint=sb://bus.internal/;SharedAccessKeyName=Root;SharedAccessKey="


@pytest.mark.parametrize(("user", "password", "reason", "kinds"), CASES["words"])
def test_a_word_is_searched_beside_its_name(
    user: str, password: str, reason: str, kinds: list[str], tmp_path: Path
) -> None:
    """A user's, the application's or a service's name stands in many places: as a password it is no leak."""
    root = tmp_path / "fluffy_gateway_project"
    root.mkdir()
    (root / ".env").write_text(f"DB_USER={user}\nDB_PASSWORD={password}\n".replace("{v}", GENERATED))
    (root / "compose.yml").write_text(f"A: redis://:{password}@b\n".replace("{v}", GENERATED))
    layout = f'name = "{root.name}"\nextends = "generic"\n'
    layout += '[[env]]\npath = ".env"\nenvironment = "development"\nservice = "fluffy_backend"\n'
    for name, kind in (("DB_USER", "identifier"), ("DB_PASSWORD", "secret")):
        layout += f'[[secret]]\nname = "{name}"\nservice = "fluffy_backend"\nkind = "{kind}"\n'
    (root / "audit.toml").write_text(layout)
    keeper, project = Keeper(Key(b"k" * 32, "file")), load_project(root)
    policy, now = choose_policy(project), datetime.now(UTC)
    known = ProjectRead(project=project, policy=policy, keeper=keeper, as_of=now)
    assert list(leak_targets(known.entries, known.inventory, known.policy, keeper)["reason"]) == [reason]
    assert list(find_leaks(project, keeper, policy, known.entries, known.inventory).leaks["kind"]) == kinds


FRAME = "-----{} RSA PRIVATE KEY-----"
EMPTY_KEY = "\\n".join((FRAME.format("BEGIN"), "MIIEpAIBAAKCAQEA", FRAME.format("END")))


@pytest.mark.parametrize(("value", "own"), [("get_the_secret_of_above_key", ""), (f'"{EMPTY_KEY}"', PIECE)])
def test_words_and_an_empty_key_in_an_example_are_no_leak(tmp_path: Path, value: str, own: str) -> None:
    """Words and a key's frame are a template, all else a leak: a sample, if production has one of its own."""
    (tmp_path / ".env.example").write_text(f"AWS_SECRET_ACCESS_KEY={value}\nAPI_TOKEN={GENERATED}\n")
    (tmp_path / ".env").write_text(f"API_TOKEN={own}\n")
    (tmp_path / "compose.yml").write_text(f"API_TOKEN: {GENERATED}\n")
    env = '\n[[env]]\nservice = "backend"\npath = ".env'
    text = f'name = "a"\nextends = "generic"{env}.example"\nexample = true{env}"\nenvironment = "production"'
    (tmp_path / "audit.toml").write_text(text)
    keeper, project, now = Keeper(Key(b"k" * 32, "file")), load_project(tmp_path), datetime.now(UTC)
    known = ProjectRead(project=project, policy=choose_policy(project), keeper=keeper, as_of=now)
    targets = leak_targets(known.entries, known.inventory, known.policy, keeper).set_index("variable")
    assert targets["kind"].to_dict() == {"API_TOKEN": "leak", "AWS_SECRET_ACCESS_KEY": "template"}
    found = find_leaks(project, keeper, known.policy, known.entries, known.inventory)
    assert (found.aside.get(keeper.fingerprint(GENERATED)) == OTHERS) == bool(own)


@pytest.mark.parametrize(("given", "expected"), CASES["targets"])
def test_each_value_is_searched_for_by_what_it_is(given: dict[str, Any], expected: list[list[str]]) -> None:
    """Everywhere, or beside its name if it is weak; in force if it is, or if one of its readings may be. A
    drawn value ({s}) is a template's only in a file that is called one."""
    keeper, strong = Keeper(Key(b"k" * 32, "file")), fake_value("target")
    case: dict[str, Any] = {"name": "JWT_SECRET_KEY", "several": [], "kind": "env file", "present": True}
    case |= {"value": "" if "several" in given else "{v}", "source": "", "state": "read"} | given
    readings = [keeper.take(one.replace("{v}", strong)) for one in case["several"]]
    value = case["value"].replace("{v}", strong).replace("{s}", fake_value("short", 14, "0123456789abcdef"))
    fingerprint = None if readings else keeper.take(value)
    line = {name: case[name] for name in ("name", "kind", "source", "state")} | {"environment": "production"}
    entries = filled(EnvEntries, [line | {"fingerprint": fingerprint, "readings": ",".join(readings)}])
    present = fingerprint is not None and case["present"]
    facts = {"variable": case["name"], "fingerprint": fingerprint, "shown_by_git": "shown" in case}
    targets = leak_targets(entries, rows_of("inventory", *[facts] * present), bundled_policy("paiid"), keeper)
    assert targets[["kind", "reason", "in_force"]].to_numpy().tolist() == expected
    assert (keeper.fingerprint(strong) in set(targets["fingerprint"])) == ("{v}" in str(case))


def _keeper(*values: str) -> tuple[Keeper, tuple[str, ...]]:
    keeper = Keeper(Key.throw_away())
    return keeper, tuple(map(keeper.take, values))


@pytest.mark.parametrize("name", CASES["names"])
def test_a_name_of_words_is_shown(name: str) -> None:
    """Whatever its signs join or its capitals begin."""
    keeper, held = _keeper(fake_value("other"))
    assert shown_names({name}, keeper, held) == {name}


def test_a_name_within_a_value_that_sources_hold_is_not_shown() -> None:
    """The guard takes twelve characters of a strong value out of every output; others are no reason."""
    keeper, held = _keeper(BUS + fake_value("key"))
    names = {"SharedAccessKey", "AccessKey", "DB_PASSWORD"}
    assert shown_names(names, keeper, held) == {"AccessKey", "DB_PASSWORD"}
    assert shown_names(names, keeper, ()) == names


def test_the_rule_stands_for_a_name_that_is_not_shown() -> None:
    """Of what patterns found; what somebody chose is a password. One that is shown, or set, goes before."""
    keeper, (first, second, third) = _keeper(*(fake_value(f"found {number}") for number in range(3)))
    pieces, none = {Shape(first, PIECE, "assignment"), Shape(second, PIECE, "query")}, LeakTargets.of([])
    found, _ = with_found(none, pieces | {Shape(second, "API_TOKEN", "query")}, keeper, ())
    assert found.set_index("fingerprint")["names"].to_dict() == {first: "assignment", second: "API_TOKEN"}
    both = {Shape(third, f"{it}_TOKEN", "fallback") for it in ("AA", "API")}
    again, _ = with_found(found, both, keeper, ())
    assert set(again["variable"]) == {"assignment", "API_TOKEN"}
    chosen = [Shape(third, name, "chosen", f"text of {name}") for name in (PIECE, "DB_PWD")]
    for shapes, name in ((chosen, "DB_PWD"), (chosen[:1], "password")):
        targets, owners = with_found(none, shapes, keeper, ())
        assert (set(targets["variable"]), set(owners.values())) == ({name}, {third})


def test_what_is_staged_is_searched(tmp_path: Path) -> None:
    """What the index holds and HEAD does not: known values in contents and names, and by patterns what its
    file did not hold before; a line says what is known of it. A content that is not whole is named."""
    plot, keeper = new_plot(tmp_path / "repo"), Keeper(Key(b"k" * 32, "file"))
    targets = targets_of(keeper, {"TOKEN": VALUE})
    old, new = fake_value("held before"), fake_value("new in its file")
    plot.commit("old.py", f"API_TOKEN = '{old}'\n")
    for name, content in {
        "old.py": f"API_TOKEN = '{old}'\nx = 1\n", f"{VALUE}.txt": "x\n",
        "new.py": f"\nAPI_TOKEN = '{new}'\nSECRET_KEY = '{VALUE}'\n",
        "a.gz": gzip.compress(VALUE.encode() * 9)[:-9],
    }.items():  # fmt: skip
        plot.file(name, content)
    plot.git("add", "-A")
    plot.file("new.py", "clean on disk only\n")
    by_shape = {("new.py", 2, "API_TOKEN", "looks like a secret")}
    for rules, more in ((None, set()), (Rules(keeper, ()), by_shape)):
        found = search_staged(plot.root, keeper, targets, rules=rules)
        known = "in force in production"
        assert {(hit.path, hit.line, hit.secret, hit.known) for hit in found.hits} == more | {
            ("new.py", 3, "TOKEN", known), (f"{MARK}.txt", 0, "TOKEN", known), ("a.gz", 1, "TOKEN", known),
        }  # fmt: skip
        assert (found.files, found.values, [one.place for one in found.left_out]) == (4, 1, ["a.gz"])
    assert search_staged(plot.root, keeper, targets.assign(kind="template")).hits == ()
