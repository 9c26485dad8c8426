"""One secret is one leak: copies cut short and signs around a value make no other."""

from pathlib import Path

import pytest

from audit_lib.leaks.joined_values import joined
from audit_lib.secrecy.keeper import Keeper, Key
from tests.leaks.test_search_patterns import audit
from tests.support.fakes import fake_value
from tests.support.planter import new_plot

WHOLE, OTHER = fake_value("whole"), fake_value("other")


@pytest.mark.parametrize(
    ("found", "known", "parts"),
    [
        ([f"{WHOLE}}}", WHOLE], [], {f"{WHOLE}}}": WHOLE}),
        ([f'"{WHOLE}'], [WHOLE], {f'"{WHOLE}': WHOLE}),
        ([WHOLE[:12], WHOLE], [], {WHOLE[:12]: WHOLE}),
        ([WHOLE[:12], f"{WHOLE}}}"], [WHOLE], {WHOLE[:12]: WHOLE, f"{WHOLE}}}": WHOLE}),
        ([WHOLE[:9], WHOLE[1:20], OTHER, WHOLE], [], {}),
        ([WHOLE], [WHOLE[:12]], {}),
    ],
)
def test_parts_know_their_whole(found: list[str], known: list[str], parts: dict[str, str]) -> None:
    """What is found joins what it begins or wraps; a known value, and a shorter part, stay what they are."""
    keeper = Keeper(Key(b"k" * 32, "file"))
    fingerprint = {value: keeper.take(value) for value in (*found, *known)}
    met = joined([fingerprint[one] for one in found], [fingerprint[one] for one in known], keeper)
    assert met == {fingerprint[part]: fingerprint[whole] for part, whole in parts.items()}


def test_a_secret_in_many_shapes_is_one_leak(tmp_path: Path) -> None:
    """A fall-back in braces, a header cut short and a setting are three places of one leak."""
    plot = new_plot(tmp_path / "repo")
    plot.commit("run.sh", f'TOKEN="${{API_TOKEN:-{WHOLE}}}"\n')
    plot.commit("settings.py", f'API_TOKEN = "{WHOLE}"\n')
    plot.commit("notes.md", f"Authorization: Bearer {WHOLE[:20]}\n")
    found, _ = audit(plot.root, tmp_path)
    assert list(found.leaks["variable"]) == ["API_TOKEN"]
    assert set(found.places["path"]) == {"run.sh", "settings.py", "notes.md"}
    assert set(found.places["encoding"]) == {"plain", "plain, shortened"}
