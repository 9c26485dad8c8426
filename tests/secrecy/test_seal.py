"""The seal finds a secret wherever an artefact hides it, says the place and never the value."""

import csv
import gzip
import io
import json
import zipfile
from base64 import b64encode, encodebytes
from collections.abc import Callable
from html import escape
from pathlib import Path
from urllib.parse import quote

import nbformat
import pytest

from audit_lib.base.errors import Refused
from audit_lib.secrecy.keeper import Keeper, Key
from audit_lib.secrecy.redact import forms
from audit_lib.secrecy.seal import Classes, SealPlan, classify, plan, seal, search_files
from audit_lib.secrets.contracts import Inventory
from tests.support.canary import notebook
from tests.support.fakes import fake_value
from tests.support.rows import TABLES

VALUE = fake_value("seal")
# No eleven characters of it are plain, so that each step of reading is needed.
PASSWORD = "'\"&/+<é%".join(fake_value(f"seal password {part}", 4) for part in range(4))


def _inventory(keeper: Keeper, *rows: dict[str, object]):
    _, row = TABLES["inventory"]
    made = []
    for fields in rows:
        value = str(fields.pop("value"))
        made.append(row | {"fingerprint": keeper.take(value)} | fields)
    return Inventory.of(made)


def _known() -> tuple[Keeper, Classes]:
    keeper = Keeper(Key(b"k" * 32, "file"))
    inventory = _inventory(keeper, {"value": VALUE}, {"value": PASSWORD, "secret": "DATABASE_URL"})
    return keeper, classify(keeper, inventory, "")


def search(folder: Path, keeper: Keeper, classes: Classes) -> SealPlan:
    """What the files of a folder hold."""
    return search_files({path.name: path for path in folder.iterdir()}, keeper, classes)


def _zip(name: str, data: bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(name, data)
    return buffer.getvalue()


def _notebook(value: str) -> bytes:
    made = notebook("1")
    made.metadata["note"] = {"deep": [value]}
    return nbformat.writes(made).encode()


def _cell(value: str) -> bytes:
    rows = io.StringIO()
    csv.writer(rows).writerow(["a", f'say "{value}"'])
    return rows.getvalue().encode()


HIDDEN: dict[str, Callable[[str], bytes]] = {
    "plain.txt": lambda value: value.encode(),
    "metadata.ipynb": _notebook,
    "output.ipynb": lambda value: json.dumps({"text": [value[:10], value[10:]]}).encode(),
    "page.html": lambda value: f"<p title='{escape(value)}'>".encode(),
    "tags.html": lambda value: f"<b>{escape(value[:9])}</b>{escape(value[9:])}".encode(),
    "entities.html": lambda value: "".join(f"&#x{ord(sign):x};" for sign in value).encode(),
    "soft-hyphens.html": lambda value: "\u00ad".join(value).encode(),
    "data-uri.html": lambda value: (
        f"data:image/svg+xml;base64,{b64encode(b'<svg>' + value.encode()).decode()}".encode()
    ),
    "nested.html": lambda value: b64encode(json.dumps([escape(value)]).encode()),
    "wrapped.txt": lambda value: encodebytes(b"x" * 50 + value.encode()),
    "quoted.csv": _cell,
    "folded.ics": lambda value: f"DESCRIPTION:{value[:20]}\r\n {value[20:]}".encode(),
    "record.json": lambda value: json.dumps({json.dumps({"a": value}): 1}).encode(),
    "unicode.json": lambda value: ('["' + "".join(f"\\u{ord(sign):04x}" for sign in value) + '"]').encode(),
    "twice.txt": lambda value: quote(quote(value, safe=""), safe="").encode(),
    "evidence.zip": lambda value: _zip("a.txt", value.encode()),
    "names.zip": lambda value: _zip(f"{value}.txt", b""),
    "page-in.zip": lambda value: _zip("a.html", b64encode(gzip.compress(value.encode()))),
    "packed.txt": lambda value: b"A0" * 20 + b" " + b64encode(gzip.compress(value.encode())),
    "buffer.json": lambda value: json.dumps({"data": list(value.encode())}).encode(),
}


@pytest.mark.parametrize("name", HIDDEN)
@pytest.mark.parametrize("value", [VALUE, PASSWORD], ids=["token", "password"])
def test_a_hidden_value_is_found(tmp_path: Path, name: str, value: str) -> None:
    """However an artefact holds a value, it is refused, and the place is named without the value."""
    keeper, classes = _known()
    (tmp_path / name).write_bytes(HIDDEN[name](value))
    with pytest.raises(Refused, match=name) as raised:
        seal(tmp_path, keeper, classes)
    assert not any(form in str(raised.value).encode() for _, form in forms(value))


def test_any_window_is_found_and_a_shorter_one_is_not(tmp_path: Path) -> None:
    """Twelve characters of a value are a hit wherever they are taken from, eleven are not."""
    keeper, classes = _known()
    for start in range(len(VALUE) - 11):
        (tmp_path / "a.txt").write_text(VALUE[start : start + 12])
        assert len(search(tmp_path, keeper, classes).hits) == 1
        (tmp_path / "a.txt").write_text(VALUE[start : start + 11])
        assert search(tmp_path, keeper, classes).hits == ()


def test_a_file_name_is_searched_and_not_quoted(tmp_path: Path) -> None:
    """A value in an artefact's name is found; the message then names the artefact by number."""
    keeper, classes = _known()
    (tmp_path / f"{VALUE}.txt").write_text("")
    hits = search(tmp_path, keeper, classes).hits
    assert hits
    assert VALUE not in "".join(hits)


@pytest.mark.parametrize(
    "data",
    [
        b"PK\x03\x04 damaged",
        b"7z\xbc\xaf\x27\x1c",
        b"# v2 git bundle\n",
        gzip.compress(b"x" * 99)[:20],
        b64encode(b"Rar!\x1a\x07" * 12),
    ],
    ids=["zip", "7z", "bundle", "gzip", "rar in base64"],
)
def test_what_cannot_be_opened_is_refused(tmp_path: Path, data: bytes) -> None:
    """An archive or a PDF that cannot be searched is refused rather than passed."""
    keeper, classes = _known()
    (tmp_path / "a").write_bytes(data)
    with pytest.raises(Refused, match=r"^a: (is|holds|has) "):
        search(tmp_path, keeper, classes)


def test_every_value_is_searched_for() -> None:
    """Each value of eight characters or more is searched for, unless ordinary text holds it: strong ones
    that are secrets by name or by shape also in parts."""
    keeper = Keeper(Key(b"k" * 32, "file"))
    inventory = _inventory(
        keeper,
        {"value": fake_value("strong")},
        {"value": fake_value("strong"), "kind": "setting", "variable": "COPY"},
        {"value": "hunter2-weak", "secret": "DB_PASSWORD"},
        {"value": "localhost", "secret": "OTHER"},
        {"value": "unquiet-correct-horse-staple"},
        {"value": "please-set-a-secret-value-here", "placeholder": True},
        {"value": "a-secret-of-the-policy", "placeholder": True},
        {"value": fake_value("template"), "template": True},
        {"value": fake_value("setting"), "kind": "setting"},
        {"value": "/api/v9/patients", "kind": "setting"},
        {"value": "2026-08-15", "kind": "setting"},
        {"value": "sevenup", "kind": "setting"},
        {"value": fake_value("unlisted"), "kind": "unlisted"},
    )
    backup = keeper.take(fake_value("an old value in a backup"))
    classes = classify(keeper, inventory, "the policy says a-secret-of-the-policy")
    drawn = {keeper.fingerprint(fake_value(seed)) for seed in ("strong", "template", "setting", "unlisted")}
    assert classes.sealed == drawn | {backup, keeper.fingerprint("unquiet-correct-horse-staple")}
    whole = ("hunter2-weak", "please-set-a-secret-value-here", "/api/v9/patients")
    assert classes.whole == set(map(keeper.fingerprint, whole))
    assert classes.not_searched == ("OTHER (production/backend)",)
    assert classes.ordinary == 3
    assert keeper.fingerprint("hunter2-weak") not in classes.open


@pytest.mark.parametrize(
    "called", [{"kind": "setting"}, {"kind": "identifier"}, {"placeholder": True}, {"template": True}]
)
@pytest.mark.parametrize("value", [VALUE, "hunter2-weak"], ids=["token", "weak password"])
def test_a_policy_does_not_say_what_is_searched_for(
    tmp_path: Path, called: dict[str, object], value: str
) -> None:
    """A value in an artefact is refused, whatever the project's policy calls it."""
    keeper = Keeper(Key(b"k" * 32, "file"))
    classes = classify(keeper, _inventory(keeper, {"value": value} | called), "")
    (tmp_path / "a.txt").write_text(f"a line with {value} in it")
    with pytest.raises(Refused, match=r"of the value of|the value of \w+ as plain"):
        seal(tmp_path, keeper, classes)


def test_a_refusal_names_each_secret_once_a_file(tmp_path: Path) -> None:
    """Whose value it is and its first place, never the value."""
    keeper = Keeper(Key(b"k" * 32, "file"))
    classes = classify(keeper, _inventory(keeper, {"value": VALUE, "secret": "API_TOKEN"}), "")
    (tmp_path / "a.txt").write_text(f"{VALUE} {VALUE} {VALUE}")
    with pytest.raises(Refused) as refused:
        seal(tmp_path, keeper, classes)
    shown = "a.txt: the value of API_TOKEN as plain, at byte 0 of its bytes"
    assert str(refused.value).splitlines() == [shown, "nothing was published"]


def test_the_password_of_a_url_is_searched_for(tmp_path: Path) -> None:
    """Also if the policy calls the URL a setting, its password alone is a hit."""
    keeper = Keeper(Key(b"k" * 32, "file"))
    url = f"postgresql://app:{VALUE}@db.internal/shop"
    classes = classify(keeper, _inventory(keeper, {"value": url, "kind": "setting"}), "")
    (tmp_path / "a.txt").write_text(VALUE)
    assert search(tmp_path, keeper, classes).hits


def test_a_keeper_without_the_values_is_refused() -> None:
    """A seal that would search for nothing is no seal."""
    _, classes = _known()
    with pytest.raises(Refused, match="lacks 2 values"):
        plan(Keeper(Key(b"k" * 32, "file")), classes, 1)


def test_a_public_prefix_is_no_hit(tmp_path: Path) -> None:
    """What the policy says of a key's format may stand in a report, the key may not."""
    keeper = Keeper(Key(b"k" * 32, "file"))
    value = "some-prefix-" + VALUE
    classes = classify(keeper, _inventory(keeper, {"value": value}), "^some-prefix-[A-Za-z]+$")
    (tmp_path / "a.txt").write_text("its format is some-prefix-…")
    assert search(tmp_path, keeper, classes).hits == ()
    (tmp_path / "a.txt").write_text(value)
    assert search(tmp_path, keeper, classes).hits
