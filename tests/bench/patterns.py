"""Two labelled corpora before our patterns, gitleaks and detect-secrets: recall and precision, by shape.

Run by itself: python -m tests.bench patterns. gitleaks is taken from the PATH where it is.
"""

import json
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import partial
from importlib.metadata import version
from pathlib import Path

from audit_lib.leaks.find_leaks import find_leaks
from audit_lib.leaks.search import LeakOptions
from audit_lib.secrecy.keeper import Keeper, Key
from audit_lib.secrets.contracts import EnvEntries, Inventory
from audit_lib.settings import Project, bundled_policy
from tests.support import held_out, labelled
from tests.support.labelled import Case
from tests.support.planter import new_plot

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

    def wrong(self, others: list[Case]) -> list[Case]:
        """The cases that hold no secret and in whose file something was found."""
        files = {path for path, _ in self.places}
        return [case for case in others if case.path in files]


_Tool = Callable[[Path, list[Case]], Found]


def main() -> None:
    """Print recall and precision of each tool, its recall by shape, and what ours miss and cry wolf at."""
    for title, corpus in (("tuned on", labelled), ("held out at first", held_out)):
        wanted, others = list(corpus.positives()), list(corpus.negatives())
        with tempfile.TemporaryDirectory(prefix="leaks-corpus-") as folder:
            root = Path(folder) / "repo"
            write_corpus(root, [*wanted, *others])
            tools = {name: run(root, wanted) for name, run in _tools().items()}
        print(f"### The corpus {title}\n")
        _print_totals(tools, wanted, others)
        _print_shapes(tools, wanted)
        _print_faults(tools, wanted, others)
    if not shutil.which("gitleaks"):
        print("gitleaks is not on the PATH and was not measured")


def _tools() -> dict[str, _Tool]:
    tools: dict[str, _Tool] = {
        "ours": ours,
        "ours, every provider": partial(ours, every_provider=True),
    }
    if shutil.which("gitleaks"):
        tools[f"gitleaks {_gitleaks_version()}"] = gitleaks
    return tools | {f"detect-secrets {version('detect-secrets')}": detect_secrets}


def write_corpus(root: Path, cases: Iterable[Case]) -> None:
    """All cases in one repository: files, and commit messages."""
    plot = new_plot(root)
    for case in cases:
        if case.place == "message":
            plot.git("commit", "-q", "--allow-empty", "-m", case.text)
        else:
            plot.file(case.path, case.text)
    plot.git("add", "-f", "-A")
    plot.git("commit", "-qm", "All")


def _print_totals(tools: dict[str, Found], wanted: list[Case], others: list[Case]) -> None:
    print("| tool | found | recall | false | precision |\n|--|--|--|--|--|")
    for name, tool in tools.items():
        right, false = sum(map(tool.has, wanted)), len(tool.wrong(others))
        shares = f"{right / len(wanted):.2f} | {false} of {len(others)} | {right / max(right + false, 1):.2f}"
        print(f"| {name} | {right} of {len(wanted)} | {shares} |")


def _print_shapes(tools: dict[str, Found], wanted: list[Case]) -> None:
    """One row for each shape: how many of its cases each tool found."""
    print(f"\n| shape | cases | {' | '.join(tools)} |\n|--|--|{'--|' * len(tools)}")
    counts = {name: Counter(map(_shape, filter(tool.has, wanted))) for name, tool in tools.items()}
    for shape, count in Counter(map(_shape, wanted)).items():
        print(f"| {shape} | {count} | {' | '.join(str(counts[name][shape]) for name in tools)} |")


def _print_faults(tools: dict[str, Found], wanted: list[Case], others: list[Case]) -> None:
    for name, tool in tools.items():
        if name.startswith("ours"):
            missed = [case.label for case in wanted if not tool.has(case)]
            wrong = sorted({case.label for case in tool.wrong(others)})
            print(f"\n{name}: misses {'; '.join(missed) or 'nothing'}")
            print(f"\n{name}: wrong at {'; '.join(wrong) or 'nothing'}\n")


def _shape(case: Case) -> str:
    return case.label.partition(":")[0].replace("|", "\\|")


def ours(root: Path, wanted: list[Case], every_provider: bool = False) -> Found:
    """What `leaks` finds when nobody gave a value; `every_provider` adds kingfisher's own rules."""
    keeper = Keeper(Key(b"bench" * 8, "file"))
    found = find_leaks(
        Project("corpus", root),
        keeper,
        bundled_policy("paiid"),
        EnvEntries.of([]),
        Inventory.of([]),
        options=LeakOptions(every_provider=every_provider),
    )
    messages = set(found.places.loc[found.places["place"] == "commit message", "leak_id"])
    met = set(found.leaks.loc[found.leaks["leak_id"].isin(messages), "fingerprint"])
    values = {value for case in wanted for value in case.secrets if keeper.fingerprint(value) in met}
    lines = found.places[found.places["line"].notna()]
    return Found(
        {(str(path), int(line)) for path, line in zip(lines["path"], lines["line"], strict=True)}, values
    )


def gitleaks(root: Path, _: list[Case]) -> Found:
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


def detect_secrets(root: Path, _: list[Case]) -> Found:
    """What detect-secrets finds in the files, without its calls to providers."""
    command = [str(_DETECT_SECRETS), "scan", "--no-verify", "--all-files", "."]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, check=True)
    results = json.loads(done.stdout)["results"]
    return Found({(path, one["line_number"]) for path, found in results.items() for one in found})


if __name__ == "__main__":
    main()
