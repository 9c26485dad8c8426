"""Decides how each value is searched for: by what it is, never by what the project's policy calls it.

Whoever writes the policy could else have a value published: by calling it a setting or a placeholder.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path

import pandas as pd

from audit_lib.report.publish.source_notebooks import source_notebook
from audit_lib.secrecy.forms import SHORTEST, STRONG_BITS
from audit_lib.secrecy.keeper import Keeper
from audit_lib.secrecy.strength import strength_bits
from audit_lib.secrecy.value_questions import component
from audit_lib.settings import Policy

_SECRET_KINDS = ("secret", "unlisted")  # unlisted: named like a secret, and in no policy
_GENERATED = re.compile(
    r"(?=[A-Za-z]*\d)(?=\d*[A-Za-z])[A-Za-z0-9]{16}|(?=.*[a-z])(?=.*[A-Z])(?=.*\d)[A-Za-z0-9+=_~.-]{20}"
)
_WRITTEN = re.compile(r"://|\s")
_DATE = re.compile(r"(19|20)\d\d-\d\d-\d\d([T ][\d:.Z+-]*)?")
_PACKAGE = Path(__file__).parents[2]
_TEXTS = (".py", ".toml", ".json", ".yml", ".j2", ".css", ".js")
_NOTEBOOKS = ("quarterly_review.ipynb", "incident_investigation.ipynb")


@dataclass(frozen=True)
class Classes:
    """The keeper's values, as fingerprints, by how they are searched for."""

    sealed: frozenset[str]  # strong, and secret by name or by shape: whole, and any 12 characters
    whole: frozenset[str]  # all others of eight characters or more: whole
    open: frozenset[str]  # short ones, dates, and what ordinary text holds: not at all
    not_searched: tuple[str, ...]  # names of secrets whose values are open
    ordinary: int  # how many other values are open
    names: Mapping[str, str]  # of each value the secret that has it
    public: str = field(repr=False)  # what a report may say anyway, such as names and formats


def classify(keeper: Keeper, inventory: pd.DataFrame, public: str) -> Classes:
    """The keeper's values by class. A value that is a secret under one name is one under every name.

    Args:
        public: text that the report may hold anyway (policy, names): a weak value within it is not
            searched for, and neither are 12 characters that are in it, such as a key's public prefix.
    """
    known = inventory.dropna(subset=["fingerprint"])
    secret = known[known["kind"].isin(_SECRET_KINDS)]
    for flag in ("placeholder", "template"):
        secret = secret[~secret[flag].fillna(False)]
    named = frozenset(secret["fingerprint"])
    for whole in keeper.fingerprints():  # whatever the policy says that a URL is for
        keeper.part(whole, component("password"))
    held = frozenset(keeper.fingerprints())
    strong = {one for one in held if keeper.ask(one, strength_bits) >= STRONG_BITS}
    # What the inventory names and the keeper lacks stays in a class, so that the seal sees it is missing.
    sealed = {one for one in strong if one in named or keeper.ask(one, _looks_generated)} | (named - held)

    said = public.casefold()

    def is_ordinary(value: str) -> bool:
        name = value.casefold()
        return len(value) < SHORTEST or bool(_DATE.fullmatch(value)) or name in said or name in _own_words()

    ordinary = {one for one in held - sealed if keeper.ask(one, is_ordinary)}
    weak = secret[secret["fingerprint"].isin(ordinary)]
    names = weak["secret"] + " (" + weak["environment"] + "/" + weak["service"] + ")"
    return Classes(
        sealed=frozenset(sealed),
        whole=held - sealed - ordinary,
        open=frozenset(ordinary),
        not_searched=tuple(sorted(set(names))),
        ordinary=len(ordinary - named),
        names=dict(zip(known["fingerprint"], known["secret"], strict=True)),
        public=public,
    )


def classes_of(keeper: Keeper, inventory: pd.DataFrame, policy: Policy, project: str) -> Classes:
    """The classes for a project by its name: what its policy and its places are called is public."""
    places = (*inventory["environment"].unique(), *inventory["service"].unique())
    return classify(keeper, inventory, public_text(policy, project, *map(str, places)))


def _looks_generated(value: str) -> bool:
    """Whether a value was drawn rather than written: no address and no text, of which a part is ordinary."""
    return not _WRITTEN.search(value) and _GENERATED.search(value) is not None


def public_text(policy: Policy, *names: str) -> str:
    """What a report may say anyway: the policy's texts, and names of project, environments, services."""
    return "\n".join([repr(replace(policy, path=Path())), *names])


@cache
def _own_words() -> str:
    return own_text().casefold()


@cache
def own_text() -> str:
    """This program's own text, of which no report is rid: a word in it is nobody's secret.

    The sample's values are in its sources, too, and are searched for all the same.
    """
    texts = [path for path in sorted(_PACKAGE.rglob("*")) if path.suffix in _TEXTS]
    texts = [path for path in texts if path.parent.name not in ("sample", "notebooks")]
    texts += map(source_notebook, _NOTEBOOKS)
    return "\n".join(path.read_text("utf-8") for path in texts)
