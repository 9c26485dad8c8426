"""Two labelled corpora of `labelled.toml`: texts of which it is known whether they hold a secret."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from tests.support.fakes import fake_value
from tests.support.paths import rows_beside

CORPORA = rows_beside(__file__)
ALPHABETS: dict[str, str] = CORPORA.pop("alphabets")
_RANDOM = re.compile(rf"«({'|'.join(ALPHABETS)})(\d+)»")


@dataclass(frozen=True)
class Case:
    """One text. `secrets` is empty where it holds none; without a path it is a message."""

    label: str
    path: str
    text: str
    secrets: tuple[str, ...] = field(default=(), repr=False)


def drawn(text: str, seed: object) -> str:
    """The text with random characters where it names an alphabet and a length, the same for the same seed."""
    return _RANDOM.sub(lambda named: fake_value(seed, int(named[2]), ALPHABETS[named[1]]), text)


def positives() -> Iterator[Case]:
    """Every shape of both corpora with every kind that stands in it."""
    for corpus, held in CORPORA.items():
        for shape, path, text, *kinds in held["positives"]:
            for name in kinds[0] if kinds else held["kinds"]:
                seed = (shape, name) if corpus == "labelled" else (corpus, shape, name)
                value = drawn(held["kinds"][name], seed)
                where = f"{corpus}/{re.sub('[ :|]', '-', shape)}/{name}/{path}" if path else ""
                yield Case(f"{shape}: {name}", where, _spelt(text, name, value), _secrets_in(value))


def negatives() -> Iterator[Case]:
    """What looks like a secret to a hasty reader, each three times."""
    for corpus, held in CORPORA.items():
        for number, (label, path, text) in enumerate(held["negatives"]):
            for copy in range(3):
                yield Case(label, f"no/{corpus}-{number}-{copy}/{path}", drawn(text, (label, copy)))


def _spelt(text: str, name: str, value: str) -> str:
    words = name.lower().split("_")
    spellings = {"n": name, "low": "_".join(words), "dashed": "-".join(words), "words": " ".join(words)}
    spellings |= {"camel": "".join(map(str.capitalize, words)), "v": value}
    return re.sub(r"«([a-z]+)»", lambda named: spellings[named[1]], text)


def _secrets_in(value: str) -> tuple[str, ...]:
    """A URL's password counts as found, and so does the URL."""
    password = value.partition("://")[2].rpartition("@")[0].partition(":")[2]
    return (password, value) if password else (value,)
