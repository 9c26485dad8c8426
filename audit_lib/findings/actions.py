"""Which findings one action closes: about a value, an address, a file, what a place lacks, the history."""

from collections.abc import Iterable, Iterator, Mapping
from itertools import islice

from audit_lib.base.frames import rows
from audit_lib.findings.check import Rows, Tables
from audit_lib.findings.find import Finding
from audit_lib.leaks.tables import COMMON, GATHERED
from audit_lib.logins.detect import BY_SOURCE
from audit_lib.secrets.inventory import knows_production

LEAKED, UNDECIDED, NOT_LIMITED = "leaked-in-force", "leak-undecided", "tries-not-limited"  # checks
NO_VALUES = "given values"  # a subject
Key = tuple[str, ...]
Keys = Mapping[Key, list[Key]]


def actions_of(findings: Iterable[Finding], tables: Tables) -> list[str]:
    """For each finding the id of the first that the same action closes: about one value, values that one
    names or that rotate together, or who got or may be in, and no limit. What is not known joins nothing."""
    values, blind = _values(tables["inventory"]), not knows_production(tables["inventory"])
    every = [(one, [*_keys(one, values, blind=blind)]) for one in findings]
    named = [(one.id, keys if one.status == "open" else keys[:1]) for one, keys in every]
    pairs = [
        [*_of(values, row.secret, row.environment), *_of(values, row.other_secret, row.environment)]
        for row in rows(tables["rotation_pairs"])
    ]
    tried = [keys[0] for one, keys in every if one.check.id == NOT_LIMITED and one.status == "open"]
    tried += [it[0] for one, it in every if one.severity == "critical" and "guessing " in one.item.subject]
    got_in = (keys[0] for one, keys in every if one.item.subject.startswith("let-in ") and tried)
    root = _joined([*(keys for _, keys in named), *pairs, [*islice(got_in, 1), *tried]])
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
