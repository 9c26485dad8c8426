"""Which findings one action closes: about a value, an address, a file, what a place lacks, the history."""

from collections.abc import Iterable, Iterator, Mapping

from audit_lib.base.frames import rows
from audit_lib.findings.check import Rows, Tables
from audit_lib.findings.find import Finding
from audit_lib.leaks.tables import COMMON, GATHERED
from audit_lib.logins.detect import BY_SOURCE
from audit_lib.secrets.inventory import knows_production

LEAKED, UNDECIDED, NO_VALUES = "leaked-in-force", "leak-undecided", "given values"  # checks, and a subject
Key = tuple[str, ...]
Keys = Mapping[Key, list[Key]]


def actions_of(findings: Iterable[Finding], tables: Tables) -> list[str]:
    """For each finding the id of the first that the same action closes: a new value closes all that are about
    one value, about values that one finding names, or that must be rotated together. What is not known joins
    nothing: it names many secrets that have only their missing evidence in common."""
    values = _values(tables["inventory"])
    blind = not knows_production(tables["inventory"])
    every = [(one, [*_keys(one, values, blind=blind)]) for one in findings]
    named = [(one.id, keys if one.status == "open" else keys[:1]) for one, keys in every]
    pairs = [
        [*_of(values, row.secret, row.environment), *_of(values, row.other_secret, row.environment)]
        for row in rows(tables["rotation_pairs"])
    ]
    root = _joined([*(keys for _, keys in named), *pairs])
    first: dict[Key, str] = {}
    return [first.setdefault(root[keys[0]], id_) for id_, keys in named]


def _values(inventory: Rows) -> dict[Key, list[Key]]:
    values: dict[Key, list[Key]] = {}
    for row in rows(inventory):
        key = ("value", row.fingerprint) if row.fingerprint else ("place", row.secret, row.environment)
        values.setdefault((row.secret, row.environment), []).append(key)
    return values


def _of(values: Keys, secret: str, environment: str) -> list[Key]:
    return values.get((secret, environment), [("place", secret, environment)])


def _keys(finding: Finding, values: Keys, *, blind: bool) -> Iterator[Key]:
    check, subject, where = finding.check, finding.item.subject, finding.where[0] if finding.where else ""
    about = {"file": where.split(":")[0], "missing": "/".join(finding.item[1:])}
    if subject in (COMMON, *GATHERED):
        yield (subject,)
    elif check.id == UNDECIDED or (blind and subject == NO_VALUES):
        yield (UNDECIDED,)  # the values in force decide many at once
    elif check.action == "value":
        for listed, environment, _ in finding.covers or (finding.item,):
            names = [name for name in listed.replace("=", " ").split() if (name, environment) in values]
            for name in names or [listed]:
                yield from _of(values, name, environment)
    elif check.action not in {"", "each"}:
        yield (check.action, about.get(check.action, ""))
    elif subject.startswith(BY_SOURCE):  # a detection, then the address
        yield ("address", subject.partition(" ")[2])
    else:
        yield ("subject", *finding.item)
    yield ("finding", finding.id)


def _joined(several: Iterable[list[Key]]) -> dict[Key, Key]:
    parent: dict[Key, Key] = {}

    def root(key: Key) -> Key:
        while parent.setdefault(key, key) != key:
            key = parent[key]
        return key

    for keys in several:
        for key in keys:
            parent[root(key)] = root(keys[0])
    return {key: root(key) for key in list(parent)}
