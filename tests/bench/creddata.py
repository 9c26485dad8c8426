"""Samsung's CredData before our patterns: recall by line, category and strength, and precision.

Run by itself: python -m tests.bench.creddata CHECKOUT. The checkout holds meta/ and data/ as CredData's own
download_data.py makes them, of all its projects or of some. Nothing of it is copied, and no value is shown.
"""

import csv
import shutil
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from audit_lib.leaks.find_leaks import find_leaks
from audit_lib.secrecy.keeper import Keeper, Key
from audit_lib.secrecy.strength import strength_bits
from audit_lib.secrets.contracts import Inventory
from audit_lib.secrets.sources import EnvEntries
from audit_lib.settings import Project, bundled_policy

# What CredData labels and what is no secret by our policy: names of things, and numbers that are used once.
_NO_SECRETS = {
    "UUID", "Nonce", "Salt", "Tencent WeChat API App ID", "AWS S3 Bucket", "Firebase Domain", "Info",
}  # fmt: skip
_STRONG, _MIDDLING = 64, 40  # bits

# A true label of no secret by our policy counts neither way.
_OTHERWISE = {"T": "ignored", "X": "test value", "F": "false"}
_ORDER = ("true", "test value", "false", "not labelled")

Lines = set[tuple[str, int]]
Reports = dict[tuple[str, int], tuple[str, str]]  # of each line that is reported the class, and the leak


@dataclass(frozen=True)
class Label:
    """What CredData says of some lines of a file; `value` is "" where it does not say which part is it."""

    path: str
    lines: range
    truth: str  # T | F | X
    category: str
    strength: str

    @property
    def places(self) -> Lines:
        """The lines that it is about."""
        return {(self.path, line) for line in self.lines}

    @property
    def is_secret(self) -> bool:
        """Whether it is true, and of a category that holds secrets."""
        return self.truth == "T" and not set(self.category.split(":")) <= _NO_SECRETS


def main() -> None:
    """Print recall by category and strength, and precision by class."""
    if len(sys.argv) != 2 or not Path(sys.argv[1], "meta").is_dir():
        sys.exit("usage: python -m tests.bench.creddata CHECKOUT (with meta/ and data/)")
    root = Path(sys.argv[1])
    labels = list(read_labels(root))
    reports = search(root / "data")
    wanted = by_line(label for label in labels if label.is_secret)
    print(f"{len({label.path.split('/')[0] for label in labels})} projects, {len(labels):,} labels\n")
    _print_recall("strength", wanted, reports, lambda label: label.strength)
    _print_recall("category", wanted, reports, lambda label: label.category.replace(":", ", "))
    _print_precision(labels, reports)


def by_line(labels: Iterable[Label]) -> list[Label]:
    """One label for each first line: CredData labels the parts of a secret apart."""
    return list({(label.path, label.lines[0]): label for label in labels}.values())


def _print_recall(title: str, wanted: list[Label], reports: Reports, of: Callable[[Label], str]) -> None:
    """One row for each group: its lines, and in how many of them a leak or a possible password is found."""
    print(f"| {title} | lines | leak | possible | recall |\n|--|--|--|--|--|")
    total, found = Counter(map(of, wanted)), Counter()
    for label in wanted:
        kinds = {reports[place][0] for place in label.places & reports.keys()}
        if kinds:
            found[of(label), "possible" if kinds == {"possible"} else "leak"] += 1
    for kind in ("leak", "possible"):
        found["all", kind] = sum(found[name, kind] for name in total)
    for name, count in [*total.most_common(), ("all", len(wanted))]:
        leaks, possible = found[name, "leak"], found[name, "possible"]
        print(f"| {name} | {count} | {leaks} | {possible} | {(leaks + possible) / count:.2f} |")
    print()


def counted_truths(labels: list[Label], reports: Reports) -> Counter[tuple[str, str]]:
    """Of the lines reported, by class: how many are secrets, labelled otherwise, or not labelled at all."""
    truths: dict[tuple[str, int], set[str]] = {}
    for label in labels:
        for place in label.places:
            truths.setdefault(place, set()).add("true" if label.is_secret else _OTHERWISE[label.truth])
    counts: Counter[tuple[str, str]] = Counter()
    real = {leak for place, (_, leak) in reports.items() if "true" in truths.get(place, ())}
    for place, (kind, leak) in reports.items():
        # Another place of a value that is labelled a secret elsewhere is one, though nobody labelled it.
        told = truths.get(place, {"same value" if leak in real else "not labelled"})
        truth = next(one for one in (*_ORDER, "ignored", "same value") if one in told)
        for row in ("possible" if kind == "possible" else "leak", "both"):
            counts[row, truth] += 1
    return counts


def _print_precision(labels: list[Label], reports: Reports) -> None:
    print(
        "| class | true | test value, default (X) | false (F) | not labelled | precision | X apart | same |"
    )
    print("|--" * 8 + "|")
    counts = counted_truths(labels, reports)
    for row in ("leak", "possible", "both"):
        true, x, false, none = (counts[row, truth] for truth in _ORDER)
        strict, apart = true / max(true + x + false + none, 1), true / max(true + false + none, 1)
        same = counts[row, "same value"]
        print(f"| {row} | {true} | {x} | {false} | {none} | {strict:.3f} | {apart:.3f} | {same} |")


def read_labels(root: Path) -> Iterator[Label]:
    """The labels of the files that are there."""
    for table in sorted((root / "meta").glob("*.csv")):
        with table.open(encoding="utf-8", newline="") as rows:
            for row in csv.DictReader(rows):
                if (root / row["FilePath"]).is_file():
                    yield _label(root, row)


def _label(root: Path, row: dict[str, str]) -> Label:
    path = row["FilePath"]
    lines = range(int(row["LineStart"]), int(row["LineEnd"]) + 1)
    strength = "several lines"
    if len(lines) == 1:
        text = (root / path).read_text("utf-8").split("\n")[lines[0] - 1]
        value = text[int(row["ValueStart"] or 0) : int(row["ValueEnd"] or len(text))]
        bits = strength_bits(value)
        strength = "strong" if bits >= _STRONG else "middling" if bits >= _MIDDLING else "weak"
    return Label(path.removeprefix("data/"), lines, row["GroundTruth"], row["Category"], strength)


def search(data: Path) -> Reports:
    """The lines that `leaks` reports when nobody gave a value, with the class of the leak there."""
    with tempfile.TemporaryDirectory(prefix="creddata-") as folder:
        root = Path(folder) / "data"
        shutil.copytree(data, root)  # elsewhere, so that it is no part of CredData's own repository
        project, keeper = Project("creddata", root), Keeper(Key(b"bench" * 8, "file"))
        found = find_leaks(project, keeper, bundled_policy("paiid"), EnvEntries.of([]), Inventory.of([]))
    kinds = dict(zip(found.leaks["leak_id"], found.leaks["kind"], strict=True))
    # The hash of a password is a class of its own: neither a leak nor a possible password.
    hashes = found.leaks.loc[found.leaks["kind"] == "hash", "leak_id"]
    places = found.places[found.places["line"].notna() & ~found.places["leak_id"].isin(hashes)]
    rows = zip(places["path"], places["line"], places["leak_id"], strict=True)
    # A line with a leak of each class is one with a leak.
    ordered = sorted(rows, key=lambda row: kinds[row[2]] != "possible")
    return {(str(path), int(line)): (kinds[leak_id], leak_id) for path, line, leak_id in reversed(ordered)}


if __name__ == "__main__":
    main()
