"""Values are found in every form, and in any twelve characters of strong ones."""

import base64
import html
import json
from collections.abc import Callable
from itertools import product

import pytest

from audit_lib.secrecy import redact
from audit_lib.secrecy.keeper import Keeper, Key
from audit_lib.secrecy.redact import BESIDE, MOST_HITS, PART, SHORTEST, Hit, Matcher, forms
from tests.support.fakes import encodings, fake_value

AWKWARD = fake_value("awkward", 32) + "/+=\"'\\<&> é$~"
VALUE = fake_value("matcher", 43)

WRITERS: dict[str, Callable[[str], bytes]] = {
    "json with escaped slashes": lambda v: json.dumps(v).replace("/", "\\/").encode(),
    "json in json": lambda v: json.dumps({"log": json.dumps({"a": v})}).encode(),
    "html in json": lambda v: json.dumps({"text/html": f"<b>{html.escape(v)}</b>"}).encode(),
    "repr in json": lambda v: json.dumps(repr(v)).encode(),
    "Buffer": lambda v: json.dumps({"type": "Buffer", "data": list(v.encode())}).encode(),
    "numbers": lambda v: json.dumps(list(v.encode()), separators=(",", ":")).encode(),
    "print(*bytes)": lambda v: " ".join(map(str, v.encode())).encode(),
    "print(*value)": lambda v: " ".join(v).encode(),
    "%XX": lambda v: "".join(f"%{byte:02X}" for byte in v.encode()).encode(),
    "\\x": lambda v: "".join(f"\\x{byte:02x}" for byte in v.encode()).encode(),
}
SIGNS = ("", "/&+", "ä€", "\"'\\<&> é$~", " word/with+signs%")
VALUES = [fake_value(f"value {number}", 24) + signs for number, signs in enumerate(SIGNS)]


@pytest.mark.parametrize("value", VALUES)
def test_a_value_is_found_in_what_each_writer_gives(value: str) -> None:
    """In each encoding of the tests' own list, in what writers nest, and in base64 at each alignment,
    whatever stands before and behind."""
    matcher = Matcher({"v": value}, ["v"])
    written = [*encodings(value), *((name, write(value)) for name, write in WRITERS.items())]
    for write, before, after in product((base64.b64encode, base64.urlsafe_b64encode), range(4), range(3)):
        packed = write(b"\xf7" * before + value.encode() + b"\xfb" * after)
        written.append((f"base64 between {before} and {after}", packed))
    for name, content in written:
        assert {hit.name for hit in matcher.find(b"before " + content + b" after")} == {"v"}, name


def test_forms_are_distinct_and_long_enough() -> None:
    """No bytes come twice, none are under eight, the value itself comes first, two values share none."""
    for value in (AWKWARD, VALUE, "a/b%c d+"):
        found = list(forms(value))
        assert found[0] == ("plain", value.encode())
        assert len({form for _, form in found}) == len(found)
        assert min(len(form) for _, form in found) >= SHORTEST
    one, two = ({form for _, form in forms(fake_value(seed))} for seed in (1, 2))
    assert not one & two


def test_twelve_characters_of_a_strong_value_are_a_part() -> None:
    """Every run that is equal comes out as far as it goes; eleven characters are none."""
    runs: dict[str, list[tuple[int, int]]] = {
        VALUE[5:16]: [], VALUE[5:17]: [(0, 12)], VALUE[:12]: [(0, 12)], VALUE[-12:]: [(0, 12)],
        f"{VALUE[3:30]} {VALUE[3:14]}": [(0, 27)], f"x{VALUE[:20]}{VALUE[20:32]}y": [(1, 33)],
        f"{VALUE[:12]}\n{VALUE[20:40]}": [(0, 12), (13, 33)],
    }  # fmt: skip
    for content, found in runs.items():
        hits = [Hit(start, end, "v", PART) for start, end in found]
        assert Matcher({"v": VALUE}, ["v"]).find(content.encode()) == hits
        assert Matcher({"v": VALUE}).find(content.encode()) == []


def test_what_all_keys_of_a_provider_have_is_no_part(monkeypatch: pytest.MonkeyPatch) -> None:
    """A run needs eight characters behind the prefix. Of many long values only their beginnings have runs.
    What stands around the texts of a JSON document is none, where the texts themselves are."""
    document, key = json.dumps([{"name": "paperless", "secret": VALUE}]), "sk_live_" + VALUE
    for text, found in {'"name": "paperless", ': False, f'"{VALUE[5:17]}"': True, document: True}.items():
        assert bool(Matcher({"v": document}, ["v"]).find(text.encode())) == found
    assert [bool(Matcher({"v": key}, ["v"]).find(key[4:end].encode())) for end in (15, 16)] == [False, True]
    monkeypatch.setattr(redact, "_MOST_PARTS", 200)
    assert Matcher({"a": VALUE * 3, "b": AWKWARD * 3}, ["a", "b"]).runs == 2 * (100 - 11)
    assert Matcher({"a": VALUE, "b": "short"}, ["a", "b"]).runs == len(VALUE) - 11


def test_a_public_part_is_none_and_a_place_is_one_hit() -> None:
    """A run that public text holds is no part; the whole value still is found, before parts within it. A
    longer value beside a shorter one stands for itself. Of many places of one value a thousand are listed."""
    matcher = Matcher({"v": VALUE}, ["v"], public=f"the format begins with {VALUE[:12]}")
    assert matcher.find(VALUE[:12].encode()) == []
    assert [hit.end for hit in matcher.find(VALUE[:13].encode())] == [13]
    assert [hit.form for hit in matcher.find(VALUE.encode())] == ["plain"]
    assert len(matcher.find(f"{VALUE} ".encode() * 3_000)) == MOST_HITS
    longer = VALUE + fake_value("more", 8)
    hits = Matcher({"short": VALUE, "long": longer}, ["short", "long"]).find(f"a {longer} b".encode())
    assert [(hit.name, hit.form) for hit in hits] == [("short", "plain"), ("long", "plain")]


def test_a_long_value_is_found_to_its_end() -> None:
    """Of a long form only the beginning is held; how far it goes on is seen all the same."""
    for value in (fake_value(length, length) for length in (600, 4_096, 60_000)):
        for content in (value.encode(), value.encode().hex().encode(), base64.b64encode(value.encode())):
            hit = Matcher({"v": value}).find(b"x" + content + b"y")[0]
            assert (hit.start, len(content) - hit.end) in ((1, -1), (1, 1), (1, 3))


def test_a_weak_value_is_found_behind_its_name_alone() -> None:
    """Values of the keeper by fingerprint: some by themselves, some behind a text only."""
    keeper = Keeper(Key.throw_away())
    strong, weak = keeper.take(VALUE), keeper.take("winter-holiday")
    matcher = Matcher.of(keeper, [strong], beside={weak: [b"PASSWORD="]})
    content = f"winter-holiday PASSWORD=winter-holiday {VALUE}".encode()
    assert [(hit.name, hit.form) for hit in matcher.find(content)] == [(weak, BESIDE), (strong, "plain")]
    assert "winter" not in repr(matcher)
