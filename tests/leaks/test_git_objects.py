"""Objects of a repository as git gives them: whole, in pieces, and past those that are broken."""

from pathlib import Path

import pytest

from tests.leaks.test_search import met, search
from tests.support.fakes import fake_value
from tests.support.planter import Plot, new_plot


@pytest.mark.parametrize("packed", [False, True], ids=["loose", "packed"])
def test_only_broken_objects_are_left_out(packed: bool, tmp_path: Path) -> None:
    """Past each object that git cannot read the search goes on: all others are searched, these are named."""
    plot = new_plot(tmp_path / "repo")
    values = {f"V{number}": fake_value(("broken", number)) for number in range(12)}
    oids = []
    for number, value in enumerate(values.values()):
        plot.commit(f"{number}.txt", f"{value}\n{fake_value(number, 3000)}")
        oids.append(plot.git("rev-parse", f"HEAD:{number}.txt"))
    plot.git("rm", "-q", "-r", ".")
    plot.git("commit", "-qm", "Gone")
    if packed:
        plot.git("repack", "-adq")
    for path, start in [_place(plot, oids[number]) for number in (3, 8)]:
        _spoil(path, start)
    found, keeper = search(plot.root, values, tmp_path)
    lost = [name for name, value in values.items() if met(found, keeper, value).empty]
    left_out = found.coverage.loc[found.coverage["state"] == "not searched", "place"]
    assert lost == ["V3", "V8"]
    assert {f"git object {oids[3]}", f"git object {oids[8]}"} <= set(left_out)


def _place(plot: Plot, oid: str) -> tuple[Path, int]:
    """The file that holds an object, its own or a pack, and where it begins in it."""
    objects = plot.root / ".git" / "objects"
    if (loose := objects / oid[:2] / oid[2:]).exists():
        return loose, 0
    pack = next(objects.glob("pack/*.pack"))
    listed = plot.git("verify-pack", "-v", str(pack.with_suffix(".idx"))).splitlines()
    return pack, next(int(line.split()[4]) for line in listed if line.startswith(oid))


def _spoil(path: Path, start: int) -> None:
    path.chmod(0o644)
    content = bytearray(path.read_bytes())
    content[start + 50 : start + 90] = bytes(40)
    path.write_bytes(content)
