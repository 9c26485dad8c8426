"""Questions about a value are answered by a truth or a number, and random values are not mistaken."""

from functools import partial
from hashlib import sha256

import pytest

from audit_lib.base.bounded import matches_glob
from audit_lib.secrecy import strength
from audit_lib.secrecy.keeper import Keeper, Key
from audit_lib.secrets import value_rules as values
from audit_lib.settings import bundled_policy
from tests.support.fakes import URL_SAFE, fake_value
from tests.support.paths import SHARED

ALPHABETS = ((32, "0123456789abcdef"), (64, "0123456789abcdef"), (32, URL_SAFE), (43, URL_SAFE))
MARKERS = bundled_policy("generic").placeholders


@pytest.mark.parametrize(
    "value",
    [
        "change-me",
        "CHANGE-ME",
        "change-me-please-1234567",
        "your-key-here",
        "your_api_key_here",
        "<api token>",
        "xxx",
        "xxxxxxxx",
        "***",
        "*** REPLACE ***",
        "test",
        " dummy ",
        "todo",
        "dev-secret-key",
        "example",
    ],
)
def test_placeholders_are_known(value: str) -> None:
    """Long markers count wherever they stand, short ones alone, letter case and spaces aside."""
    assert strength.is_placeholder(value, MARKERS)


@pytest.mark.parametrize(
    "value", ["latest-contest", "mytest", "example.com/path", "a*b", "****x", "", "testing-it", "xyz"]
)
def test_a_short_marker_inside_a_value_does_not_count(value: str) -> None:
    """A value that merely contains a short marker is no placeholder."""
    assert not strength.is_placeholder(value, MARKERS)


def test_random_values_are_no_placeholders() -> None:
    """Not one of 3,000 generated values is, nor one that begins or ends like a short marker."""
    for seed in range(3000):
        assert not strength.is_placeholder(fake_value(f"p{seed}"), MARKERS)
    for affix in ("xxx", "test", "your-", "<a>"):
        assert not strength.is_placeholder(affix + fake_value("affix") + "aB1", MARKERS)


def test_published_values_are_known_by_their_digest() -> None:
    """The policy holds SHA-256 only."""
    value = fake_value("public")
    assert values.is_listed(value, (sha256(value.encode()).hexdigest(),))
    assert not values.is_listed(value + "x", (sha256(value.encode()).hexdigest(),))


def test_the_guide_s_own_example_is_published() -> None:
    """The guide's example of API_TOKEN is in PaiiD's list (docs/rules.md#rule-21, docs/rules.md#rule-d6)."""
    guide = SHARED / "spec/secret-management-guide.md"
    if not guide.exists():
        pytest.skip("the guide is not at hand")
    (example,) = [line.split("`")[1] for line in guide.read_text("utf-8").splitlines()[52:53]]
    assert values.is_listed(example, bundled_policy("paiid").compromised)


ALL = ("lower", "upper", "digit", "symbol")


@pytest.mark.parametrize(
    ("value", "enough_bits", "expected"),
    [
        ("aA1!", 0, True),
        ("aA1", 0, False),
        ("", 0, False),
        (fake_value("managed", 32).replace("-", "x"), 128, True),
    ],
)
def test_classes_or_enough_bits(value: str, enough_bits: int, *, expected: bool) -> None:
    """A platform's managed password has no symbols and is strong without (docs/rules.md#rule-24)."""
    assert values.has_classes(value, ALL, enough_bits) is expected


@pytest.mark.parametrize(
    ("value", "expected", "same"),
    [
        ("http://a:1", "http://a:1", True),
        ("http://a:1/", "http://a:1", True),
        ("http://a:2", "http://a:1", False),
    ],
)
def test_a_setting_equals_its_text(value: str, expected: str, *, same: bool) -> None:
    """A slash at the end makes no difference (docs/rules.md#rule-9)."""
    assert values.equals_text(value, expected) is same


def test_the_keeper_refuses_a_question_that_answers_with_text() -> None:
    """Only truths and numbers leave the keeper; a part leaves as a fingerprint."""
    keeper = Keeper(Key(b"k" * 32, "demo"))
    url = keeper.take(f"postgresql://app:{fake_value('part')}@host.internal/db")
    assert keeper.ask(url, partial(matches_glob, globs=("postgresql://*",)))
    with pytest.raises(TypeError):
        keeper.ask(url, strength.component("password"))  # type: ignore[type-var]
    assert keeper.part(url, strength.component("password")) == keeper.fingerprint(fake_value("part"))
    assert keeper.fingerprint(fake_value("part")) in keeper
    host = keeper.part(url, strength.component("host"), keep=False)
    assert host == keeper.fingerprint("host.internal")
    assert host not in keeper
    assert keeper.part(keeper.take("no url"), strength.component("host")) is None


@pytest.mark.parametrize(
    "value",
    [
        "https://example.com/a/b",
        "postgres://localhost:5432/shop",
        "1234-abc.apps.example-content.com",
        "registry.example.com/acme/app:1.2.3",
        "app-db-20260101-v2",
        "model-3-5-large-20261022",
        "arn:cloud:iam::123456789012:role/abc",
        "550e8400-e29b-41d4-a716-446655440000",
        "sha256:" + "0f" * 32,
        "(&(uid={user})(objectClass=person))",
        "10.0.0.0/8,192.168.1.0/24,172.16.0.5",
        "a sentence of some words, and 1234 numbers",
    ],
)
def test_settings_do_not_look_generated(value: str) -> None:
    """Addresses, names with a date, identifiers, digests, lists and text are no secrets by their shape."""
    assert not strength.looks_generated(value)


def test_what_a_generator_makes_looks_generated() -> None:
    """Of random values in the usual alphabets nearly all are recognised without their name."""
    made = [fake_value((size, n), size, alphabet) for size, alphabet in ALPHABETS for n in range(200)]
    assert sum(map(strength.looks_generated, made)) / len(made) > 0.9


@pytest.mark.parametrize(("value", "none"), [("", True), (" null ", True), ("False", True), ("0", False)])
def test_null_and_false_are_no_values(value: str, none: bool) -> None:
    """What says that there is none is taken for an empty value; a zero is a value."""
    assert strength.is_no_value(value) == none
