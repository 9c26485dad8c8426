"""Searches every artefact for every secret value before it is published, and refuses on a hit.

The report says what was searched for, and that sentence is itself in the artefacts. So `plan` counts
values, forms and artefacts first; the artefacts are written with its sentence; `seal` then searches
the finished bytes, and refuses on a hit or where it did something else than the sentence says.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path

import pandas as pd

from audit_lib.base.errors import Refused
from audit_lib.project.policy import Policy
from audit_lib.report.publish.extract_text import views
from audit_lib.secrecy.forms import WINDOW, forms, windows
from audit_lib.secrecy.keeper import Keeper
from audit_lib.secrecy.matcher import Matcher
from audit_lib.secrecy.signature import MANIFEST

SEALED_BITS = 64  # a value of fewer may be met by chance, and a hit would give it away
_SECRET_KINDS = ("secret", "unlisted")  # unlisted: named like a secret, and in no policy
_GENERATED = re.compile(
    r"(?=[A-Za-z]*\d)(?=\d*[A-Za-z])[A-Za-z0-9]{16}"
    r"|(?=.*[a-z])(?=.*[A-Z])(?=.*\d)[A-Za-z0-9+=_~.-]{20}"
    r"|://[^/\s:@]*:[^/\s@]+@"  # a URL with a password
)


@dataclass(frozen=True)
class Classes:
    """The keeper's values by how they are searched for; all but the last two are fingerprints."""

    sealed: frozenset[str]  # of secret class and strong: whole, and any 12 characters
    whole: frozenset[str]  # of no secret class, or in no inventory, but look generated: whole
    open: frozenset[str]  # other settings, placeholders, what public text says: no secrets
    not_searched: tuple[str, ...]  # names of secrets whose values are too weak to be searched for
    public: str = field(repr=False)  # what a report may say anyway, such as names and formats


@dataclass(frozen=True)
class SealPlan:
    """What is searched for, in how many artefacts."""

    values: int
    forms: int
    runs: int  # runs of 12 characters
    artefacts: int
    not_searched: tuple[str, ...]

    def statement(self) -> str:
        """What the report says: true of a published copy and of a run by hand alike."""
        weak = (
            " Not searched for, since they are too weak to be distinguished from ordinary text: "
            f"{', '.join(self.not_searched)}."
        )
        return (
            f"`review` publishes this report only after a search of its {self.artefacts} artefacts for "
            f"{self.values} secret values in {self.forms} forms, and for {self.runs} runs of {WINDOW} "
            f"characters of them, with 0 hits. Treat a copy without {MANIFEST} as unchecked."
        ) + (weak if self.not_searched else "")


@dataclass(frozen=True)
class Sealing:
    """Everything that a seal needs, made before the artefacts are."""

    keeper: Keeper
    classes: Classes
    plan: SealPlan


@dataclass(frozen=True)
class SealResult:
    """What a search found; `hits` are places, never values."""

    values: int
    forms: int
    runs: int
    artefacts: int
    hits: tuple[str, ...]
    not_searched: tuple[str, ...]


def classify(keeper: Keeper, inventory: pd.DataFrame, public: str) -> Classes:
    """The keeper's values by class. A value that is a secret under one name is one under every name.

    Args:
        public: text that the report may hold anyway (policy, names): a value within it is not a secret to
            be searched for, and neither are 12 characters that are in it, such as a key's public prefix.
    """
    known = inventory.dropna(subset=["fingerprint"])
    secret = known[known["kind"].isin(_SECRET_KINDS)]
    for flag in ("placeholder", "template"):
        secret = secret[~secret[flag].fillna(False)]
    strong = secret[secret["strength_bits"].fillna(0) >= SEALED_BITS]
    sealed = frozenset(strong["fingerprint"])
    weak = secret[~secret["fingerprint"].isin(sealed)]
    names = weak["secret"] + " (" + weak["environment"] + "/" + weak["service"] + ")"
    other = {name for name, _ in keeper.values()} - set(secret["fingerprint"])
    plain = {name for name in other if not keeper.ask(name, _looks_secret)}
    plain |= set(known[known["placeholder"].fillna(False)]["fingerprint"]) & other
    plain |= {
        name for name, _ in keeper.values() if name not in sealed and keeper.ask(name, public.__contains__)
    }
    whole = frozenset(other - plain - set(known[known["template"].fillna(False)]["fingerprint"]))
    return Classes(sealed, whole, frozenset(plain), tuple(sorted(set(names))), public)


def _looks_secret(value: str) -> bool:
    """Whether a value that no policy calls a secret looks generated, or is a URL with a password."""
    return _GENERATED.search(value) is not None


def public_text(policy: Policy, *names: str) -> str:
    """What a report may say anyway: the policy's texts, and names of project, environments, services."""
    return "\n".join([repr(replace(policy, path=Path())), *names])


def plan(keeper: Keeper, classes: Classes, artefacts: int) -> SealPlan:
    """What will be searched for, to be stated in the artefacts themselves.

    Raises:
        Refused: the keeper lacks a value that the inventory names: it would not be searched for.
    """
    if missing := sum(name not in keeper for name in classes.sealed | classes.whole):
        raise Refused(f"the seal lacks {missing} values that the inventory names; nothing was published")
    whole, runs = _patterns(keeper, classes)
    values = len(classes.sealed | classes.whole)
    return SealPlan(values, len(whole), len(runs), artefacts, classes.not_searched)


def _patterns(keeper: Keeper, classes: Classes) -> tuple[dict[bytes, str], dict[bytes, str]]:
    """The forms of whole values and the runs of 12 characters, each with the name of its form."""
    whole: dict[bytes, str] = {}
    runs: dict[bytes, str] = {}
    for fingerprint, value in keeper.values():
        if fingerprint in classes.sealed or fingerprint in classes.whole:
            for name, form in forms(value):
                whole.setdefault(form, f"a value as {name}")
        if fingerprint in classes.sealed:
            for run in windows(value):
                if run.decode("utf-8", "replace") not in classes.public:
                    runs.setdefault(run, f"{WINDOW} characters of a value")
    return whole, runs


def search(folder: Path, keeper: Keeper, classes: Classes) -> SealResult:
    """What is in the files of a folder, their names and all that is packed in them.

    Raises:
        Refused: a file cannot be searched as a whole.
    """
    whole, runs = _patterns(keeper, classes)
    matcher = Matcher((name, form) for form, name in (runs | whole).items())
    paths = sorted(path for path in folder.rglob("*") if not path.is_dir())
    hits: list[str] = []
    for number, path in enumerate(paths, start=1):
        relative = path.relative_to(folder).as_posix()
        if named := matcher.find(relative.encode("utf-8", "surrogateescape")):
            hits.append(f"the name of artefact {number}: {named[0].name}")
            relative = f"artefact {number}"
        hits += _in_file(relative, path.read_bytes(), matcher)
    values = len(classes.sealed | classes.whole)
    return SealResult(values, len(whole), len(runs), len(paths), tuple(hits), classes.not_searched)


def _in_file(name: str, data: bytes, matcher: Matcher) -> list[str]:
    found = []
    for way, content in views(name, data):
        # Overlapping runs of one value are one place.
        last = -1
        for hit in matcher.find(content):
            if hit.start > last:
                found.append(f"{name}: {hit.name}, at byte {hit.start} of its {way}")
            last = max(last, hit.end)
    return found


def seal(folder: Path, sealing: Sealing) -> SealResult:
    """The result of a search without a hit, which is what the plan in the artefacts said.

    Raises:
        Refused: a value is in an artefact, one cannot be searched, or the plan said something else.
    """
    result = search(folder, sealing.keeper, sealing.classes)
    planned = sealing.plan
    if result.hits:
        raise Refused("\n".join(_shortened(result.hits)) + "\nnothing was published")
    if (result.values, result.forms, result.runs, result.artefacts) != (
        planned.values,
        planned.forms,
        planned.runs,
        planned.artefacts,
    ):
        raise Refused("the seal searched for something other than the report states; nothing was published")
    return result


def _shortened(hits: Iterable[str], most: int = 20) -> list[str]:
    hits = list(hits)
    return hits[:most] + ([f"and {len(hits) - most} more"] if len(hits) > most else [])
