"""The search for leaks from values to tables, what other scanners found, and what is staged for a commit."""

import re
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path, PurePosixPath
from posixpath import normpath
from typing import Any
from urllib.parse import unquote

import pandas as pd
from pydantic import AliasPath, BaseModel, Field as PydanticField, ValidationError

from audit_lib.base.errors import BadInput, Fault
from audit_lib.base.files import read_source
from audit_lib.base.frames import Contract, Field, Series, rows
from audit_lib.base.git import GitFailed, ignored, tracked
from audit_lib.base.in_words import counted
from audit_lib.leaks import candidates, tables
from audit_lib.leaks.rules import ASIDE, HASH, Rules, Shape, key_line
from audit_lib.leaks.search import Found, LeakCoverage, LeakOptions, Search, Values, tabulate_sightings
from audit_lib.leaks.sources import OUTSIDE, Origin, Reading, Source, at_head, in_index, object_sources
from audit_lib.leaks.tables import NO_SECRETS, NOT_IN_FORCE, OTHERS, PRODUCTION, LeakAudit, tabulate_leaks
from audit_lib.ledger.timeline import Tenure
from audit_lib.secrecy import strength
from audit_lib.secrecy.keeper import Keeper
from audit_lib.secrecy.redact import SHORTEST, Redactor
from audit_lib.secrets.value_rules import hold
from audit_lib.settings import Policy, Project
from audit_lib.settings.variables import files, is_deployment, likely_kind, shape_by, texts

_STRONG_BITS = 64  # a value of this strength is nobody's example, whatever a document calls it
_LARGEST_REPORT, _MOST_FAULTS = 64 << 20, 20  # bytes; faults that are listed
_PLACE = ("locations", 0, "physicalLocation")  # in SARIF
_PATTERN, _REPORT = "looks like a secret", "scanner report"  # what is known of a hit; a place
_OWN = "in use there: git does not track the file, and compose reads it or no other may; no leak"


class LeakTargets(Contract):
    """One row for each value that is searched for: everywhere, or, if it is weak, beside its names alone."""

    fingerprint: Series[str] = Field(unique=True)
    variable: Series[str]  # the first of its names
    names: Series[str]  # all, comma-separated
    in_force: Series[str]  # environments, comma-separated; "" for an earlier value
    kind: Series[str] = Field(isin=("leak", "pattern", *NO_SECRETS))
    reason: Series[str]  # why it is searched for beside its names alone; "" if everywhere
    provider: Series[str]  # of whom a rule knows the value by its form


def find_leaks(
    project: Project,
    keeper: Keeper,
    policy: Policy,
    entries: pd.DataFrame,
    inventory: pd.DataFrame,
    *,
    as_of: datetime | None = None,
    stays: Collection[Tenure] = (),
    options: LeakOptions | None = None,
) -> LeakAudit:
    """Every leak of the values that sources hold and, with patterns, of what looks like a secret. `as_of` and
    `stays` are those of `tabulate_leaks`. Raises `BadInput` for a report that cannot be used."""
    targets, held = leak_targets(entries, inventory, policy, keeper), keeper.fingerprints()
    rules = Rules(keeper, (*policy.placeholders, project.name, *sorted({*entries["service"]})))
    search = Search(project, keeper.key, options := options or LeakOptions())
    reported = read_reports(options.reports, rules, search.reports)
    shapes = set(reported) | (search.by_rules(rules) if options.patterns else set())
    ids = {s for s in shapes if not s.provider and getattr(policy.rule(s.name), "kind", "") == "identifier"}
    shapes, search.idle = shapes - ids, search.idle + len(ids)
    targets, owners = with_found(targets, shapes, keeper, held)
    values = Values(keeper, targets)
    own = _own_places(found := search.for_values(values), targets, project)
    found = [one for one in found if one not in own]
    here = {one.fingerprint for one in found}
    found += [  # a value that is nowhere is where the other scanner saw it
        Found(Origin(_REPORT, path), line, line, shape.fingerprint, "as reported", "exact", _REPORT)
        for shape, (path, line) in reported.items()
        if shape.fingerprint not in here
    ]
    sightings = tabulate_sightings(found, search, values, owners, policy)
    coverage, kept = search.coverage(values, targets), Counter(values.scrub(one.origin.path) for one in own)
    said = [("files", at, "searched", 1, f"{counted(n, 'value')} {_OWN}") for at, n in sorted(kept.items())]
    coverage = LeakCoverage.checked(pd.concat([coverage, pd.DataFrame(said, columns=list(coverage))]))
    targets = targets.replace({"fingerprint": owners}).drop_duplicates("fingerprint")
    aside = _aside_of(shapes, targets, sightings)
    used = sightings["path"].map(candidates.use_of).eq(candidates.IN_USE)
    how, keyed = sightings["fingerprint"].map(aside), keeper.key.origin != "throw-away"
    seen = sightings.assign(deploys=used & how.ne("comment"))[used | how.ne("default")]
    leaks, places = tabulate_leaks(seen, targets, inventory, as_of, stays=stays, keyed=keyed)
    earlier = {  # where another is in force: what was held or issued; what an example shows is a sample
        *entries.loc[entries["kind"].ne("example"), "fingerprint"],
        *sightings.loc[sightings["path"].isin(search.homes), "fingerprint"],
        *[stay.fingerprint for stay in stays],
        *[shape.fingerprint for shape in shapes if shape.provider],
    }
    live = inventory[inventory["environment"].eq(PRODUCTION)].fillna({"fingerprint": ""})  # "": not known
    given = defaultdict(lambda: {""}, live.groupby("variable")["fingerprint"].agg(set).to_dict())
    shown = sightings["path"].isin({source.path for source in project.env_sources} - search.homes)
    other = leaks["force"].eq(NOT_IN_FORCE) | (
        leaks["variable"].isin([name for name, marks in given.items() if "" not in marks])
        & leaks["in_force"].eq("")
        & leaks["fingerprint"].isin(sightings.loc[shown, "fingerprint"])
        & ~leaks["kind"].isin(NO_SECRETS)
    )
    aside |= dict.fromkeys({*leaks.loc[other, "fingerprint"]} - earlier, OTHERS)
    still = places.loc[~places["place"].isin(tables.IN_HISTORY), "leak_id"]
    old = leaks["first_committed_at"].lt(pd.Timestamp(as_of or "NaT") - pd.Timedelta("365D"))
    gone = leaks.loc[old & ~leaks["at_head"] & ~leaks["leak_id"].isin(still), "fingerprint"]
    aside |= {one: tables.PAST for one in gone if aside.get(one, "") in ("", tables.CODE)}
    doubted = {it.fingerprint for it in shapes if it.text and {it.fingerprint, ""} & given[it.setter]}
    unsure = leaks.query("kind == 'possible' and force == 'not known'")["fingerprint"]
    aside |= dict.fromkeys({*unsure} - doubted, tables.SET_OTHERWISE)
    return LeakAudit(leaks, places, coverage, aside)


def _own_places(found: Collection[Found], targets: pd.DataFrame, project: Project) -> set[Found]:
    """Places of secrets in files that a server alone has: git does not track them, and by name they are no
    copies, of an env file or in a talk. They are compose's, or not all may read them, and git ignores them or
    production's compose binds them, or a folder above them, into a container."""
    secrets = {*targets.loc[~targets["kind"].isin(NO_SECRETS), "fingerprint"]}
    there = {
        one
        for one in found
        if one.place == "working tree" and one.line and not one.origin.opened and one.fingerprint in secrets
        if not any(candidates.is_kind(kind, one.origin.path) for kind in ("copy", *OUTSIDE[:-1]))
    }
    with suppress(GitFailed, OSError):
        paths = {one.origin.path for one in there} - tracked(project.root)
        own = {path for path in paths if not (project.root / path).lstat().st_mode & 0o004}
        others = own - ignored(project.root, own)
        bound = {
            normpath(f"{path}/../{source}")
            for path, text in texts(project, map(str, filter(is_deployment, files(project.root, []))), [])
            if candidates.use_of(path) == candidates.IN_USE
            for source in candidates.expression("bound into a container").findall(text)
        } - {"."}
        own -= {one for one in others if bound.isdisjoint((one, *map(str, PurePosixPath(one).parents)))}
        used = {path for path in paths if is_deployment(PurePosixPath(path))}
        return {one for one in there if one.origin.path in own | used}
    return set()


def _aside_of(shapes: Iterable[Shape], targets: pd.DataFrame, sightings: pd.DataFrame) -> dict[str, str]:
    """`Shape.aside` of each value, if drawn as such; browsers are given a frontend's settings, no secrets.
    Code is what it and names of files alone show, if it is no provider's, no key, login or fall-back."""
    found = targets.query("kind == 'pattern' and provider in ('', 'Google')")
    secret = found["names"].map(partial(candidates.is_kind, "name of no public key")).astype(bool)
    given = sightings["path"].map(partial(candidates.is_kind, "settings of a frontend")).astype(bool)
    code = sightings["encoding"].str.endswith(" in its name") | sightings["path"].map(
        partial(candidates.is_kind, "file of code")
    ).astype(bool)
    other = {*sightings["fingerprint"][~code]} | {
        it.fingerprint for it in shapes if it.provider or not candidates.is_kind("rule in code", it.rule)
    }
    return {
        one.fingerprint: one.aside or tables.CODE * (one.fingerprint not in other)
        for one in sorted(shapes, key=lambda one: (not one.text, ASIDE.index(one.aside)))
    } | dict.fromkeys({*sightings["fingerprint"][given]} & {*found.loc[~secret, "fingerprint"]}, "public")


def leak_targets(
    entries: pd.DataFrame, inventory: pd.DataFrame, policy: Policy, keeper: Keeper
) -> pd.DataFrame:
    """`LeakTargets`: every secret of every source, of a URL its password or, if that is weak, the URL."""
    given = [
        (row, value, _is_secret(row.name, value, policy, keeper))
        for row in rows(entries)
        for value in _readings(row, keeper)
    ]
    own_names = {name.casefold() for name in (policy.name, *entries["service"])}
    shown_by_git = {*inventory.loc[inventory["shown_by_git"].fillna(False).astype(bool), "fingerprint"]}
    settings = {value for _, value, is_secret in given if not is_secret}
    there = inventory.query("state == 'present'").dropna(subset="fingerprint")
    in_force = {(it.variable, it.environment, it.fingerprint) for it in rows(there)}
    found: dict[str, list[tuple[str, str, bool, bool, str]]] = defaultdict(list)
    for row, whole in ((row, value) for row, value, is_secret in given if is_secret):
        rule = policy.rule(row.name)
        by_value = "password" if keeper.ask(whole, strength.has_password) else "whole"
        held = hold(keeper, whole, by_value if not rule or rule.component == "whole" else rule.component)
        weak = weakness(held.part, keeper) if held.part else "holds no password"
        if not weak and keeper.ask(held.part, lambda value: value.casefold() in own_names):
            weak = "is the name of the application or of a service"
        fingerprint = held.whole if weak and held.component != "whole" else held.part
        if not weak and held.part in settings and not keeper.ask(held.part, strength.looks_generated):
            weak = "is also the value of a setting"
        marks = (fingerprint, held.part, *[whole] * bool(rule and rule.component == "whole"))
        used = (row.fingerprint is None and row.kind not in ("example", "backup")) or any(  # of its readings
            (row.name, row.environment, one) in in_force for one in marks
        )
        markers = policy.placeholders + (rule.placeholders if rule else ())
        made_up = partial(strength.is_placeholder, markers=markers)
        placeholder = keeper.ask(fingerprint, made_up) or keeper.ask(fingerprint, candidates.is_published)
        called = candidates.is_kind("text or example", row.source)  # else a drawn value may be a service's
        example = row.kind == "example" and (called or keeper.ask(fingerprint, _is_shown))
        found[fingerprint].append((row.name, row.environment if used else "", example, placeholder, weak))
    made = []
    for fingerprint, some in sorted(found.items()):
        names, environments, examples, placeholders, reasons = zip(*some, strict=True)
        weak = reasons[0] or ("is a placeholder" if any(placeholders) else "")
        guessable = keeper.ask(fingerprint, strength.strength_bits) < _STRONG_BITS
        shown = guessable or (not any(environments) and keeper.ask(fingerprint, _is_shown))
        template = any(placeholders) or (any(examples) and shown) or fingerprint in shown_by_git
        kind = "template" if template else "weak default" if weak else "leak"
        made.append(target(fingerprint, set(names), kind, weak, used={*environments} - {""}))
    return LeakTargets.of(made)


def _is_shown(value: str) -> bool:
    frame = re.match(r"[\"']?-----BEGIN [A-Z ]*PRIVATE KEY-----", value)
    chosen = candidates.is_default(value) and not strength.looks_generated(value)
    return not key_line(value.strip("\"'")) if frame else chosen or candidates.reads_as_words(value)


def _readings(row: Any, keeper: Keeper) -> list[str]:
    """The value of an entry, or each that it may have; one with quotes is wherever the one without is."""
    several = [*filter(None, (row.fingerprint, *row.readings.split(",")))]
    bare = {one: keeper.part(one, lambda text: text.strip("\"'"), keep=False) for one in several}
    return [one for one in several if bare[one] not in {*several} - {one}]


def _is_secret(name: str, fingerprint: str, policy: Policy, keeper: Keeper) -> bool:
    shape, rule = shape_by(lambda question: keeper.ask(fingerprint, question)), policy.rule(name)
    return (rule.kind if rule else likely_kind(name, (shape,), policy)[0]) == "secret"


def weakness(fingerprint: str, keeper: Keeper) -> str:
    """Why a value is searched for beside its name alone; "" if it is searched for everywhere."""
    if keeper.ask(fingerprint, len) < SHORTEST:
        return f"has under {SHORTEST} characters"
    weak = keeper.ask(fingerprint, strength.strength_bits) < strength.WEAKEST_BITS
    return f"has under {strength.WEAKEST_BITS} bits of strength" if weak else ""


def target(
    value: str, names: Collection[str], kind: str, weak: str, provider: str = "", *, used: Iterable[str] = ()
) -> dict[str, str]:
    """A row of LeakTargets, `used` in environments; a `weak` value is searched for beside its names alone."""
    row = (value, min(names), ",".join(sorted(names)), ",".join(sorted(used)), kind, weak, provider)
    return dict(zip(LeakTargets.columns, row, strict=True))


def with_found(
    targets: pd.DataFrame, shapes: Collection[Shape], keeper: Keeper, held: Collection[str]
) -> tuple[pd.DataFrame, dict[str, str]]:
    """`LeakTargets` with what rules found, and whose value a text holds; the keeper `held` others before."""
    known, again = set(targets["fingerprint"]), targets["fingerprint"].isin({s.text for s in shapes})
    targets = targets.assign(reason=targets["reason"].mask(again, ""))
    everywhere = {*targets.query("reason == ''").fingerprint, *[s.fingerprint for s in shapes if not s.text]}
    found, names = defaultdict[str, list[Shape]](list), defaultdict[str, set[str]](set)
    for shape in sorted(shapes):
        if shape.fingerprint not in (everywhere if shape.text else known) and shape.text not in everywhere:
            found[shape.text or shape.fingerprint].append(shape)
            names[shape.fingerprint].add(shape.name)
    shown, made = shown_names({name for some in names.values() for name in some}, keeper, held), []
    for fingerprint, some in sorted(found.items()):
        named, rules = names[some[0].fingerprint] & shown, sorted({one.rule for one in some})
        if some[0].text:
            name = max(named, key=lambda name: (len(name), name), default="") or "password"
            made.append(target(fingerprint, [name], "possible", "may be a password that somebody chose"))
        else:
            weak, provider = weakness(fingerprint, keeper) if named else "", max(it.provider for it in some)
            setters = {it.name for it in some if it.rule == "fallback" and not weak} & named
            best = setters & {*targets["variable"]} or setters or named or rules
            made.append(target(fingerprint, best, "hash" if HASH in rules else "pattern", weak, provider))
    owners = {text: some[0].fingerprint for text, some in found.items() if some[0].text}
    return LeakTargets.checked(pd.concat([targets, LeakTargets.of(made)])), owners


def shown_names(names: Collection[str], keeper: Keeper, held: Collection[str]) -> set[str]:
    """Of the names those that variables may have, and that share no twelve characters with a strong value."""
    possible = {name for name in names if candidates.reads_as_name(name)}
    strong = {value for value in held if keeper.ask(value, strength.strength_bits) >= _STRONG_BITS}
    return possible - Redactor.of(keeper, strong).texts(possible).keys()


class _Result(BaseModel, defer_build=True):
    rule: str = PydanticField(validation_alias="ruleId", min_length=1)
    path: str = PydanticField(validation_alias=AliasPath(*_PLACE, "artifactLocation", "uri"), min_length=1)
    line: int = PydanticField(0, validation_alias=AliasPath(*_PLACE, "region", "startLine"))
    text: str = PydanticField("", validation_alias=AliasPath(*_PLACE, "region", "snippet", "text"))


class _Run(BaseModel, defer_build=True):
    results: list[_Result] | None = None


class _Report(BaseModel, defer_build=True):
    runs: list[_Run]


def read_reports(files: tuple[Path, ...], rules: Rules, reading: Reading) -> dict[Shape, tuple[str, int]]:
    """The values of all results in SARIF, each with its first path and line; one without a value is left out.
    Raises `BadInput` for files that cannot be read or are no SARIF (version 2.1.0, OASIS)."""
    places, faults = dict[Shape, tuple[str, int]](), list[Fault]()
    for file in files:
        content = read_source(file.parent, file.name, _LARGEST_REPORT).content
        try:
            runs = _Report.model_validate_json(content.removeprefix(b"\xef\xbb\xbf")).runs
        except ValidationError as error:
            faults += [Fault(".".join(map(str, (file, *it["loc"]))), it["msg"]) for it in error.errors()]
            continue
        for one in (result for run in runs for result in run.results or ()):
            reading.count += 1
            place = (unquote(one.path.removeprefix("file://")), one.line)
            if value := _value_in(one.text, rules):
                places.setdefault(Shape(value, "", one.rule), place)
            else:
                reading.left_out.append(Fault(f"{place[0]}:{one.line}", f"{one.rule} reports no value"))
    if len(faults) > _MOST_FAULTS:
        faults[_MOST_FAULTS:] = [Fault("--import", counted(len(faults) - _MOST_FAULTS, "more fault"))]
    if faults:
        raise BadInput(faults)
    return places


def _value_in(text: str, rules: Rules) -> str:
    """The fingerprint of what looks like a value, else of a text that is a word; "" if none, many or weak."""
    if not text or re.search(r"(?i)redact|\*\*\*|\.\.\.$|…|^<.*>$", text):
        return ""
    found = {shape.fingerprint for shape in rules.find(text.encode())} or {
        rules.keeper.take(word) for word in re.findall(r"\A\S{8,4096}\Z", text)
    }
    return found.pop() if len(found) == 1 and not any(weakness(one, rules.keeper) for one in found) else ""


@dataclass(frozen=True, order=True)
class StagedHit:
    """A secret in staged content, by its place and name. Line 0 is the path itself."""

    path: str
    line: int
    secret: str
    known: str  # in force in …, or by what the value is known


@dataclass(frozen=True)
class StagedSearch:
    """What a search of the staged content gave."""

    files: int
    values: int  # how many known values were searched for
    hits: tuple[StagedHit, ...]
    left_out: tuple[Fault, ...]


def search_staged(
    root: Path, keeper: Keeper, sought: pd.DataFrame, *, index: Path | None = None, rules: Rules | None = None
) -> StagedSearch:
    """Every place of a known strong value in what the index holds and HEAD does not, by path and line. Strong
    are the LeakTargets of kind leak that are searched for everywhere. With `rules` what looks like a secret
    is a hit, too, unless its file held it before or its line has a known value. Raises `GitFailed`."""
    head, listed = at_head(root), in_index(root, index)
    staged = {oid: new for oid, paths in listed.items() if (new := paths - head.get(oid, set()))}
    changed = {path for paths in staged.values() for path in paths}
    before = {oid: paths for oid, paths in head.items() if not changed.isdisjoint(paths)}
    reading, held, old, shapes = Reading(), keeper.fingerprints(), set[tuple[str, str]](), set[Shape]()
    sources = list(object_sources(root, list(staged), reading))
    if rules:
        there = _shapes(object_sources(root, list(before), Reading()), before, rules, Reading())
        old = {(path, shape.fingerprint) for path, shape in there}
        now = _shapes(sources, staged, rules, reading)
        shapes = {shape for path, shape in now if (path, shape.fingerprint) not in old}
    real = sought[sought["kind"].eq("leak") & sought["reason"].eq("")]
    wanted, _ = with_found(real, shapes, keeper, held)
    values, known = Values(keeper, wanted), {row.fingerprint: row for row in rows(wanted)}
    hits: dict[tuple[str, int], set[StagedHit]] = defaultdict(set)
    for source in sources:
        for path in staged[source.origin.oid]:
            for one in [*values.search(source, reading), *values.find_in_path(Origin("git", path))]:
                row = known[one.fingerprint]
                unknown = _PATTERN if row.kind == "pattern" else "not known to be in force"
                by = f"in force in {row.in_force}" if row.in_force else unknown
                inside = f"!{one.origin.member}" if one.origin.member else ""
                hit = StagedHit(values.scrub(path + inside), one.line, row.variable, by)
                if one.matched == "exact" and not (by == _PATTERN and (path, one.fingerprint) in old):
                    hits[hit.path, hit.line].add(hit)
    best = [{hit for hit in some if hit.known != _PATTERN} or some for some in hits.values()]
    lost = dict.fromkeys(reading.missing, "cannot be read") | {
        one.place.removeprefix("git object "): one.text for one in reading.left_out
    }
    left_out = {Fault(path, why) for oid, why in lost.items() for path in staged[oid]}
    return StagedSearch(len(changed), len(real), tuple(sorted(set().union(*best))), tuple(sorted(left_out)))


def _shapes(
    sources: Iterable[Source], blobs: Mapping[str, Collection[str]], rules: Rules, reading: Reading
) -> set[tuple[str, Shape]]:
    return {
        (path, shape)
        for source in sources
        for _, text in source.texts(reading)
        for shape in rules.find(text, blobs[source.origin.oid])
        for path in blobs[source.origin.oid]
    }
