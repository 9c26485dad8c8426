"""The labelled corpus before our patterns, gitleaks and detect-secrets: recall and precision, by shape.

Run by itself: python -m tests.bench patterns. gitleaks is taken from the PATH where it is.
"""

import json
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path

from audit_lib.contracts import EnvEntries, Inventory
from audit_lib.leak_audit import find_leaks
from audit_lib.policy import bundled_policy
from audit_lib.project import Project
from audit_lib.secrecy.keeper import Keeper, Key
from tests.labelled import Case, negatives, positives
from tests.planter import new_plot

_DETECT_SECRETS = Path(sys.executable).with_name("detect-secrets")


@dataclass(frozen=True)
class Found:
    """Where a tool found something: path and line of a file, and the values found in commit messages."""

    places: set[tuple[str, int]]
    messages: set[str] = field(default_factory=set)

    def has(self, case: Case) -> bool:
        """Whether the secret of a case is found: on its line, or in its message."""
        if case.place == "message":
            return not self.messages.isdisjoint(case.secrets)
        line = case.text[: case.text.index(case.secrets[-1])].count("\n") + 1
        return (case.path, line) in self.places


def main() -> None:
    """Print recall and precision of each tool, its recall by shape, and what it misses and cries wolf at."""
    with tempfile.TemporaryDirectory(prefix="leaks-corpus-") as folder:
        root = Path(folder) / "repo"
        write_corpus(root)
        found = {name: run(root) for name, run in _tools(Path(folder)).items()}
    _print_totals(found)
    _print_shapes(found)
    for name, tool in found.items():
        missed = [case.label for case in positives() if not tool.has(case)]
        if len(missed) < 20:
            print(f"\n{name} misses: {'; '.join(missed) or 'nothing'}")
    if not shutil.which("gitleaks"):
        print("\ngitleaks is not on the PATH and was not measured")


def _tools(folder: Path) -> dict[str, Callable[[Path], Found]]:
    tools: dict[str, Callable[[Path], Found]] = {
        "ours": ours,
        "ours, every provider": lambda root: ours(root, folder / "cache"),
    }
    if shutil.which("gitleaks"):
        tools[f"gitleaks {_gitleaks_version()}"] = gitleaks
    return tools | {f"detect-secrets {version('detect-secrets')}": detect_secrets}


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


def _print_totals(found: dict[str, Found]) -> None:
    wanted, others = list(positives()), list(negatives())
    print("| tool | found | recall | false | precision |\n|--|--|--|--|--|")
    for name, tool in found.items():
        right = sum(map(tool.has, wanted))
        files = {path for path, _ in tool.places}
        false = sum(case.path in files for case in others)
        shares = f"{right / len(wanted):.2f} | {false} of {len(others)} | {right / max(right + false, 1):.2f}"
        print(f"| {name} | {right} of {len(wanted)} | {shares} |")


def _print_shapes(found: dict[str, Found]) -> None:
    """One row for each shape: how many of its cases each tool found."""
    print(f"\n| shape | cases | {' | '.join(found)} |\n|--|--|{'--|' * len(found)}")
    cases = Counter(_shape(case) for case in positives())
    counts = {
        name: Counter(_shape(case) for case in positives() if tool.has(case)) for name, tool in found.items()
    }
    for shape, count in cases.items():
        print(f"| {shape} | {count} | {' | '.join(str(counts[name][shape]) for name in found)} |")


def _shape(case: Case) -> str:
    return case.label.partition(":")[0].replace("|", "\\|")


def ours(root: Path, cache: Path | None = None) -> Found:
    """What `leaks` finds when nobody gave a value; with a cache, kingfisher's own rules are added."""
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
    values = {value for case in positives() for value in case.secrets if keeper.fingerprint(value) in met}
    lines = found.places[found.places["line"].notna()]
    return Found(
        {(str(path), int(line)) for path, line in zip(lines["path"], lines["line"], strict=True)}, values
    )


def gitleaks(root: Path) -> Found:
    """What gitleaks finds in the files: not in messages. The line after its own counts, too."""
    report = root.parent / "gitleaks.json"
    command = ["gitleaks", "detect", "--no-git", "-s", ".", "-r", str(report), "--exit-code", "0"]
    subprocess.run(command, cwd=root, capture_output=True, check=True)
    found = json.loads(report.read_text())
    return Found(
        {(one["File"].removeprefix("./"), one["StartLine"] + after) for one in found for after in (0, 1)}
    )


def _gitleaks_version() -> str:
    """Debian's build does not know its own version; its package does."""
    asked = (
        ["dpkg-query", "-W", "-f", "${Version}", "gitleaks"]
        if shutil.which("dpkg-query")
        else ["gitleaks", "version"]
    )
    return subprocess.run(asked, capture_output=True, text=True, check=False).stdout.strip().partition("-")[0]


def detect_secrets(root: Path) -> Found:
    """What detect-secrets finds in the files, without its calls to providers."""
    command = [str(_DETECT_SECRETS), "scan", "--no-verify", "--all-files", "."]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, check=True)
    results = json.loads(done.stdout)["results"]
    return Found({(path, one["line_number"]) for path, found in results.items() for one in found})


if __name__ == "__main__":
    main()
