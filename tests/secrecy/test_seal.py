"""The seal finds a secret wherever an artefact hides it, says the place and never the value."""

import gzip
import json
import re
import tomllib
import zlib
from base64 import b64encode, encodebytes
from collections.abc import Callable
from html import escape
from pathlib import Path
from typing import Any
from urllib.parse import quote

import nbformat
import pandas as pd
import pytest

from audit_lib.base.errors import Refused
from audit_lib.secrecy.keeper import Keeper, Key
from audit_lib.secrecy.redact import forms
from audit_lib.secrecy.seal import Classes, classify, plan, seal, search_files
from audit_lib.secrets.inventory import Inventory
from tests.support.canary import notebook
from tests.support.fakes import fake_value
from tests.support.packed import zipped
from tests.support.rows import TABLES

VALUE = fake_value("seal")
# No eleven characters of it are plain, so that each step of reading is needed.
PASSWORD = "'\"&/+<é%".join(fake_value(f"seal password {part}", 4) for part in range(4))
Known = tuple[Keeper, Classes]
BOTH: tuple[dict[str, object], ...] = ({"value": VALUE}, {"value": PASSWORD, "secret": "DATABASE_URL"})


def _known(*fields: dict[str, object], public: str = "", beside: tuple[str, ...] = ()) -> Known:
    """A keeper of the values of an inventory's rows, and of some beside it, and their classes."""
    keeper, (_, row) = Keeper(Key(b"k" * 32, "file")), TABLES["inventory"]
    rows = [row | {"fingerprint": keeper.take(str(each["value"]))} | each for each in fields]
    inventory = Inventory.of({name: cell for name, cell in each.items() if name != "value"} for each in rows)
    for value in beside:
        keeper.take(value)
    return keeper, classify(keeper, inventory, public)


def _hits(folder: Path, content: str, known: Known, name: str = "a.txt") -> list[str]:
    """What is found in a file with this content."""
    (folder / name).write_text(content)
    return search_files({name: folder / name}, *known)


def _notebook(value: str) -> bytes:
    made = notebook("1")
    made.metadata["note"] = {"deep": [value]}
    return nbformat.writes(made).encode()


HIDDEN: dict[str, Callable[[str], bytes]] = {
    "plain.txt": lambda value: value.encode(), "metadata.ipynb": _notebook,
    "output.ipynb": lambda value: json.dumps({"text": [value[:10], value[10:]]}).encode(),
    "page.html": lambda value: f"<p title='{escape(value)}'>".encode(),
    "tags.html": lambda value: f"<b>{escape(value[:9])}</b>{escape(value[9:])}".encode(),
    "entities.html": lambda value: "".join(f"&#x{ord(sign):x};" for sign in value).encode(),
    "soft-hyphens.html": lambda value: "\u00ad".join(value).encode(),
    "data-uri.html": lambda value: b"data:image/svg+xml;base64," + b64encode(b"<svg>" + value.encode()),
    "nested.html": lambda value: b64encode(json.dumps([escape(value)]).encode()),
    "wrapped.txt": lambda value: encodebytes(b"x" * 50 + value.encode()),
    "quoted.csv": lambda value: pd.Series(["a", f'say "{value}"']).to_csv().encode(),
    "folded.ics": lambda value: f"DESCRIPTION:{value[:20]}\r\n {value[20:]}".encode(),
    "record.json": lambda value: json.dumps({json.dumps({"a": value}): 1}).encode(),
    "unicode.json": lambda value: ('["' + "".join(f"\\u{ord(sign):04x}" for sign in value) + '"]').encode(),
    "twice.txt": lambda value: quote(quote(value, safe=""), safe="").encode(),
    "beside-a-nul.txt": lambda value: b64encode(b"a\0" + quote(quote(value, safe=""), safe="").encode()),
    "evidence.zip": lambda value: zipped(value.encode()),
    "names.zip": lambda value: zipped(b"", f"{value}.txt"),
    "page-in.zip": lambda value: zipped(b64encode(gzip.compress(value.encode())), "a.html"),
    "deflated.txt": lambda value: b64encode(zlib.compress(value.encode())),
    "packed.txt": lambda value: b"A0" * 20 + b" " + b64encode(gzip.compress(value.encode())),
    "buffer.json": lambda value: json.dumps({"data": list(value.encode())}).encode(),
}  # fmt: skip
CLOSED = (
    b"PK\x03\x04 damaged", b"7z\xbc\xaf\x27\x1c", b"# v2 git bundle\n", gzip.compress(b"x" * 99)[:20],
    b64encode(b"Rar!\x1a\x07" * 12),
)  # fmt: skip


@pytest.mark.parametrize("name", HIDDEN)
@pytest.mark.parametrize("value", [VALUE, PASSWORD], ids=["token", "password"])
def test_a_hidden_value_is_found(tmp_path: Path, name: str, value: str) -> None:
    """However an artefact holds a value, it is refused, and the place is named without the value."""
    (tmp_path / name).write_bytes(HIDDEN[name](value))
    with pytest.raises(Refused, match=name) as raised:
        seal(tmp_path, *_known(*BOTH))
    assert not any(form in str(raised.value).encode() for _, form in forms(value))


def test_what_cannot_be_opened_is_refused(tmp_path: Path) -> None:
    """An archive or a PDF that cannot be searched is refused rather than passed. A sound archive without a
    value passes: its bytes are not unescaped to a broken one."""
    for pack in (gzip.compress, zipped):
        for number in range(20):
            (tmp_path / "a").write_bytes(pack(fake_value(number, 200).encode()))
            seal(tmp_path, *_known(*BOTH))
    for content in CLOSED:
        (tmp_path / "a").write_bytes(content)
        with pytest.raises(Refused, match=r"^a: (is|holds|has) "):
            seal(tmp_path, *_known(*BOTH))


def test_any_window_is_found_and_a_shorter_one_is_not(tmp_path: Path) -> None:
    """Twelve characters of a value are a hit wherever they are taken from, eleven are not. A value in an
    artefact's name is found, too; the message then names the artefact by number."""
    known = _known(*BOTH)
    for start in range(len(VALUE) - 11):
        assert len(_hits(tmp_path, VALUE[start : start + 12], known)) == 1
        assert _hits(tmp_path, VALUE[start : start + 11], known) == []
    hit = "".join(_hits(tmp_path, "", known, name=f"{VALUE}.txt"))
    assert (bool(hit), VALUE in hit) == (True, False)


def test_every_value_is_searched_for() -> None:
    """Each value of eight characters or more is searched for, unless ordinary text holds it or what is beside
    a name in it: strong ones that are secrets by name or by shape also in parts."""
    cases = tomllib.loads(Path(__file__).with_suffix(".toml").read_text("utf-8"))
    backup = f"{fake_value('an old value in a backup')}(x'"
    call = f"setGoogleAuthenticatorSecret('{fake_value('of a call')}"
    rows = [it | {"value": fake_value(it["fake"]) if "fake" in it else it["value"]} for it in cases["row"]]
    keeper, classes = _known(
        *({name: cell for name, cell in row.items() if name != "fake"} for row in rows),
        public="the policy says a-secret-of-the-policy of Bookshelf",
        beside=(backup, call, 'secret": "password"'),
    )
    drawn = [fake_value(seed) for seed in ("strong", "template", "setting", "unlisted")]
    sealed = (*drawn, backup, "unquiet-correct-horse-staple")
    assert classes.sealed == set(map(keeper.fingerprint, sealed))
    whole = ("hunter2-weak", "please-set-a-secret-value-here", "/api/v9/patients", call)
    assert classes.whole == set(map(keeper.fingerprint, whole))
    assert classes.not_searched == ("OTHER (production/backend)",)
    assert classes.ordinary == 5
    assert keeper.fingerprint("hunter2-weak") not in classes.open
    planned = plan(keeper, classes, 7)
    counts = {name: planned[name] for name in ("values", "artefacts", "not_searched", "ordinary")}
    assert list(counts.values()) == [len(sealed) + len(whole), 7, classes.not_searched, 5]
    assert planned["forms"] > planned["values"] < planned["runs"]


def test_many_hits_are_some_and_a_count(tmp_path: Path) -> None:
    """Of 22 artefacts 20 are named."""
    for number in range(22):
        (tmp_path / f"{number}.txt").write_text(f"{number} {VALUE}")
    with pytest.raises(Refused, match=r"^(\d+\.txt: .*\n){20}and 2 more\nnothing was published$"):
        seal(tmp_path, *_known(*BOTH))


CALLED = [{"kind": "setting"}, {"kind": "identifier"}, {"placeholder": True}, {"template": True}]


@pytest.mark.parametrize("called", CALLED, ids=str)
@pytest.mark.parametrize("value", [VALUE, "hunter2-weak"], ids=["token", "weak password"])
def test_a_policy_does_not_say_what_is_searched_for(tmp_path: Path, called: Any, value: str) -> None:
    """A value in an artefact is refused, whatever the project's policy calls it: once a file, with its first
    place, never itself."""
    (tmp_path / "a.txt").write_text(f"a line with {value} in it, {value} and {value}")
    with pytest.raises(Refused) as refused:
        seal(tmp_path, *_known({"value": value, "secret": "API_TOKEN"} | called))
    words = r"a.txt: (12 characters of )?the value of API_TOKEN.*, at byte 12 of its bytes"
    assert re.fullmatch(rf"{words}\nnothing was published", str(refused.value))


def test_a_name_beside_a_value_may_be_shown(tmp_path: Path) -> None:
    """Of `NAME=value`, as a file has it, the name may stand in a report, the whole may not."""
    text = "TEST_SHOP_ADMIN_PASSWORD=welcome2024"
    known = _known(beside=(text,))
    assert _hits(tmp_path, "TEST_SHOP_ADMIN_PASSWORD is in a file", known) == []
    assert _hits(tmp_path, text, known)


def test_the_password_of_a_url_is_searched_for_and_a_public_prefix_is_not(tmp_path: Path) -> None:
    """Also if the policy calls the URL a setting; its host is not. A key's format may stand in a report, the
    key may not. A seal that would search for nothing is no seal."""
    for url in ("postgresql://app:{}@db.internal/shop", "app:{}@tcp(db.internal:3306)/shop"):
        known = _known({"value": url.format(VALUE), "kind": "setting"})
        assert (len(_hits(tmp_path, VALUE, known)), _hits(tmp_path, url[-18:], known)) == (1, [])
    known = _known({"value": "some-prefix-" + VALUE}, public="^some-prefix-[A-Za-z]+$")
    assert _hits(tmp_path, "its format is some-prefix-…", known) == []
    assert _hits(tmp_path, "some-prefix-" + VALUE, known)
    with pytest.raises(Refused, match="lacks 2 values"):
        plan(Keeper(Key(b"k" * 32, "file")), _known(*BOTH)[1], 1)
