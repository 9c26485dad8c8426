"""The labelled corpus before our patterns and, where they are on the PATH, gitleaks and detect-secrets."""

import json
import shutil
import subprocess
import tempfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from audit_lib.contracts import EnvEntries, Inventory
from audit_lib.leak_audit import find_leaks
from audit_lib.policy import bundled_policy
from audit_lib.project import Project
from audit_lib.secrecy.keeper import Keeper, Key
from tests.labelled import Case, negatives, positives
from tests.planter import new_plot

Places = set[tuple[str, int]]  # path and line of each finding; a message is the path ""


def compare_patterns() -> None:
    """Print recall and precision by text, and each tool's misses by shape."""
    with tempfile.TemporaryDirectory(prefix="leaks-corpus-") as folder:
        root = Path(folder) / "repo"
        write_corpus(root)
        tools: dict[str, Callable[[Path], Places]] = {
            "ours": lambda root: ours(root, None),
            "ours, with kingfisher's rules": lambda root: ours(root, Path(folder) / "cache"),
        }
        tools |= {name: run for name, run in RIVALS.items() if shutil.which(name)}
        print("| patterns | found | recall | false | precision |\n|--|--|--|--|--|")
        misses = {name: _row(name, run(root)) for name, run in tools.items()}
    for name, missed in misses.items():
        print(
            f"\n{name} misses: {'; '.join(f'{label} ({n})' for label, n in sorted(missed.items())) or 'none'}"
        )
    for name in sorted(set(RIVALS) - set(tools)):
        print(f"\n{name} is not on the PATH and was not measured")


def write_corpus(root: Path) -> None:
    """All cases in one repository: files, and commit messages."""
    plot = new_plot(root)
    for case in (*positives(), *negatives()):
        if case.place == "message":
            plot.git("commit", "-q", "--allow-empty", "-m", case.text)
        else:
            plot.file(case.path, case.text)
    plot.git("add", "-f", "-A")
    plot.git("commit", "-qm", "All")


def _row(name: str, places: Places) -> Counter[str]:
    """One line of the table; returns the shapes missed."""
    wanted, others = list(positives()), list(negatives())
    missed = Counter(case.label.partition(":")[0] for case in wanted if not _is_found(case, places))
    files = {path for path, _ in places}
    false = sum(case.path in files for case in others)
    found = len(wanted) - missed.total()
    precision = found / (found + false) if found else 0.0
    print(
        f"| {name} | {found} of {len(wanted)} | {found / len(wanted):.2f} "
        f"| {false} of {len(others)} | {precision:.2f} |",
        flush=True,
    )
    return missed


def _is_found(case: Case, places: Places) -> bool:
    if case.place == "message":
        return case.secrets[0] in MESSAGES
    line = case.text[: case.text.index(case.secrets[-1])].count("\n") + 1
    return (case.path, line) in places


MESSAGES: set[str] = set()  # what was found in commit messages, by value: only ours looks there


def ours(root: Path, cache: Path | None) -> Places:
    """What `leaks` finds when nobody gave a value."""
    keeper = Keeper(Key(b"bench" * 8, "file"))
    found = find_leaks(
        Project("corpus", root),
        keeper,
        bundled_policy("paiid"),
        EnvEntries.of([]),
        Inventory.of([]),
        cache=cache,
        every_provider=cache is not None,
    )
    messages = set(found.places.loc[found.places["source"] == "commit message", "leak_id"])
    met = set(found.leaks.loc[found.leaks["leak_id"].isin(messages), "fingerprint"])
    MESSAGES.clear()
    MESSAGES.update(
        value
        for case in positives() if case.place == "message"
        for value in case.secrets if keeper.fingerprint(value) in met
    )  # fmt: skip
    MESSAGES.update(case.secrets[0] for case in positives() if not MESSAGES.isdisjoint(case.secrets))
    lines = found.places[found.places["line"].notna()]
    return {(str(path), int(line)) for path, line in zip(lines["path"], lines["line"], strict=True)}


def gitleaks(root: Path) -> Places:
    """gitleaks on the files."""
    MESSAGES.clear()
    report = root.parent / "gitleaks.json"
    command = ["gitleaks", "detect", "--no-git", "-s", ".", "-r", str(report), "--exit-code", "0"]
    subprocess.run(command, cwd=root, capture_output=True, check=True)
    found = json.loads(report.read_text())
    return {(one["File"].removeprefix("./"), one["StartLine"] + shift) for one in found for shift in (0, 1)}


def detect_secrets(root: Path) -> Places:
    """detect-secrets on the files."""
    MESSAGES.clear()
    done = subprocess.run(
        ["detect-secrets", "scan", "--all-files", "."], cwd=root, capture_output=True, text=True, check=True
    )
    results = json.loads(done.stdout)["results"]
    return {(path, one["line_number"]) for path, found in results.items() for one in found}


RIVALS: dict[str, Callable[[Path], Places]] = {"gitleaks": gitleaks, "detect-secrets": detect_secrets}
