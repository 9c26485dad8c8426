"""The condition of each check: which rows of its table are a fault, and which cannot be decided."""

from collections import defaultdict

import pandas as pd

from audit_lib.base.frames import rows
from audit_lib.base.log_kinds import SHOWING_VALUES
from audit_lib.findings.check import DEVELOPMENT, Condition, Predicate, Rows, Tables, Truths, every
from audit_lib.findings.contracts import PREFIX
from audit_lib.findings.documents import OTHER_GUIDE
from audit_lib.secrecy.strength import GUESSABLE_BITS
from audit_lib.secrets.env import UNKNOWN_VALUES

# Faults of a line (secrets/env.py) with which the service may hold another value than was meant.
READ_DIFFERENTLY = (*UNKNOWN_VALUES, "altered", "smart-quotes", "spaces", "invisible", "utf-16", "case")
MANY_LINES = 0.05  # above this share of a log that is not understood its counts say little
REPORTED_MISSING = "required secret missing"  # a message by its name in log_formats.toml
DESCRIBED = {"owner": "owner", "purpose": "purpose", "reach": "reach", "period_reason": "reason of its limit"}


# ---- Predicates ----


def has(column: str, *words: object) -> Predicate:
    """Rows with one of such words in a column; a null is none of them."""
    return lambda rows: rows[column].isin(words)


def yes(column: str) -> Predicate:
    """Rows whose truth is known and true."""
    return lambda rows: rows[column].fillna(False).astype(bool)


def no(column: str) -> Predicate:
    """Rows whose truth is known and false."""
    return lambda rows: ~rows[column].fillna(True).astype(bool)


def null(column: str) -> Predicate:
    """Rows of which something is not known."""
    return lambda rows: rows[column].isna()


def more_than(column: str, least: float) -> Predicate:
    """Rows with a larger known number."""
    return lambda rows: rows[column].gt(least).fillna(False).astype(bool)


def both(*predicates: Predicate) -> Predicate:
    """Rows for which all of these hold."""

    def holds(rows: Rows) -> Truths:
        truths = every(rows)
        for predicate in predicates:
            truths &= predicate(rows).astype(bool)
        return truths

    return holds


def not_(*predicates: Predicate) -> Predicate:
    """Rows for which none of these holds."""
    return lambda rows: ~either(*predicates)(rows)


def either(*predicates: Predicate) -> Predicate:
    """Rows for which any of these holds."""

    def holds(rows: Rows) -> Truths:
        truths = ~every(rows)
        for predicate in predicates:
            truths |= predicate(rows).astype(bool)
        return truths

    return holds


# ---- Preparations ----


def with_lines(table: Rows, tables: Tables) -> Rows:
    """The rows with `line_of`, and `other_line_of` if they compare: FILE:LINE of their secrets.

    Without a line in the inventory it is ENVIRONMENT/SERVICE, since no value was seen there.
    """
    inventory, lines = tables["inventory"], defaultdict(list)
    for row in rows(inventory[inventory["line"].notna()]):
        for service in {row.service, ""}:
            lines[row.secret, row.environment, service].append(f"{row.source}:{row.line}")
    for side in ("", "other_"):
        names = [f"{side}{name}" for name in ("secret", "environment", "service")]
        if "environment" not in table or names[0] not in table:
            continue
        columns = [name if name in table else name.removeprefix("other_") for name in names]
        places = zip(*(table[name].astype(str) for name in columns), strict=True)
        cited = [", ".join(lines.get(place, ())) or "/".join(filter(None, place[1:])) for place in places]
        table = table.assign(**{f"{side}line_of": pd.Series(cited, table.index, dtype="str")})
    return table


def without_settings(sources: Rows, tables: Tables) -> Rows:
    """The files without those that hold settings alone; a line that was not understood may be a secret."""
    inventory, settings = tables["inventory"], _settings_of(tables)
    others = inventory.loc[inventory["kind"].ne("setting"), "source"]
    bare = sources["source"].isin(settings["source"]) & ~sources["source"].isin(others)
    return sources[~(bare & sources["not_understood"].eq(0).fillna(False).astype(bool))]


def without_lines_of_settings(entries: Rows, tables: Tables) -> Rows:
    """The lines without those of settings whose value is not known; what a loader surely alters stays."""
    settings = _settings_of(tables)
    cited = set(zip(settings["source"], settings["line"], strict=True))
    of_setting = [place in cited for place in zip(entries["source"], entries["line"], strict=True)]
    not_known = entries["faults"].map(lambda faults: set(faults.split(",")) <= set(UNKNOWN_VALUES))
    return entries[~(pd.Series(of_setting, entries.index, dtype=bool) & not_known.astype(bool))]


def _settings_of(tables: Tables) -> Rows:
    inventory = tables["inventory"]
    return inventory[inventory["kind"].eq("setting") & inventory["line"].notna()]


def with_lacking(ownership: Rows, _tables: Tables) -> Rows:
    """The secrets with `lacking`: what the policy does not say of each, in words."""
    lacking = [
        [word for column, word in DESCRIBED.items()
         if not getattr(row, column) and not (column == "period_reason" and row.max_age_days is None)]
        for row in rows(ownership)
    ]  # fmt: skip
    return ownership.assign(lacking=pd.Series(map(", ".join, lacking), ownership.index, dtype="str"))


# ---- What variables hold ----

HELD = has("state", "present", "not supplied")  # a value, or none is known: nothing of the place was supplied
PRESENT = has("state", "present")
MISSING = has("state", "missing")
SECRET = has("kind", "secret")
ANY_SECRET = has("kind", "secret", "unlisted")
# A placeholder or a published value is short and malformed, too: one fault, one finding.
OWN = both(PRESENT, no("placeholder"), not_(yes("compromised"), no("default_ok")))
LONG_ENOUGH = both(OWN, not_(has("length", "short")))
KNOWN = both(PRESENT, not_(null("placeholder")))  # of another one finding is enough
BROWSER_SECRET = both(yes("public"), ANY_SECRET)
DEMANDED = both(yes("demanded"), has("required", "always", "production"))
# What may be unset: what is optional, and what is no secret unless the policy grades it.
ONLY_LISTED = either(has("required", "optional", ""), both(not_(ANY_SECRET), has("missing_severity", "")))


def _asked(column: str) -> Predicate:
    """Variables whose value answers a question, or may answer it: it is not known."""
    return either(not_(null(column)), both(HELD, null("placeholder")))


def _guessable(rows: Rows) -> Truths:
    return rows["strength_bits"].lt(GUESSABLE_BITS).fillna(False).astype(bool)


def _format_unknown(rows: Rows) -> Truths:
    required = rows["format"].ne("") & rows["format_ok"].isna()
    return KNOWN(rows) & (required | (rows["usual_format"].ne("") & rows["usual_format_ok"].isna()))


UNMEASURED = either(both(SECRET, null("strength_bits")), both(not_(null("min_length")), has("length", "")))


# ---- Other tables ----

NO, NOT_KNOWN = has("answer", "no"), has("answer", "unknown")
SAME, UNKNOWN = has("relation", "same"), has("relation", "unknown")
WHOLE = has("component", "whole", "password")
GRAVE = has("severity", "medium", "high", "critical")
ON_DISK = has("state", "read", "empty")
# What holds values and must be kept out of git, and from other accounts' eyes.
PRIVATE = both(ON_DISK, has("kind", "env file", "backup", "export"))
LOG = has("kind", "log")


def _compared(why: str, expected: str = "different") -> Predicate:
    return both(has("why", why), has("expected", expected))


def _found(*detections: str) -> Predicate:
    return both(has("verdict", "found"), GRAVE, has("detection", *detections))


def _others_may_read(rows: Rows) -> Truths:
    return rows["mode"].fillna("0600").map(lambda mode: int(mode, 8) & 0o077 != 0).astype(bool)


def _line_fault(*faults: str) -> Predicate:
    return lambda rows: rows["faults"].map(lambda text: bool(set(faults) & set(text.split(",")))).astype(bool)


def _any_of(*columns: str) -> Predicate:
    return lambda rows: rows[list(columns)].sum(axis=1).gt(0)


def _few_not_understood(rows: Rows) -> Truths:
    few = rows["not_understood"].le(rows["lines"] * MANY_LINES).fillna(False).astype(bool)
    return LOG(rows) & few & more_than("not_understood", 0)(rows)


def _of_a_rule(rows: Rows) -> Truths:
    return ~rows["rule"].str.startswith(PREFIX)  # `secret-not-reviewed` is about the others


# Secrets in force that no policy lists have a check of their own, which names each of them.
UNDECLARED = both(
    has("declared", False),
    either(
        more_than("reads", 0),
        both(
            _any_of("env_files", "examples", "platform", "ledger"),
            not_(both(has("group", "secrets"), has("supplied", "yes"))),
        ),
    ),
)
TEXT_ONLY = both(more_than("text_only", 0), has("requests", 0), has("messages", 0))

CONDITIONS = {
    # Logins
    "attack-on-logins": Condition((_found("guessing", "spraying", "let-in"),)),
    "change-broke-logins": Condition((_found("known-clients-failing"),)),
    "scan-or-flood": Condition((_found("probing", "secret-in-url"),)),
    "unusual-traffic": Condition(  # those two have checks of their own
        (both(_found("application-failing"), not_(has("subject", "database", "start"))),)
    ),
    # Leaks
    "leaked-in-force": Condition((has("status", "emergency"),)),
    "leak-undecided": Condition((has("status", "unknown"),)),
    "leaked-before": Condition((has("status", "historic"),)),
    "password-in-file": Condition((more_than("values", 0),)),
    "leak-search-incomplete": Condition(
        (
            either(
                has("state", "incomplete"),
                both(has("state", "not searched"), has("part", "git objects", "files")),
            ),
        )
    ),
    # Values compared, rotations that were forced
    "pairing-mismatch": Condition(
        (has("relation", "different"), UNKNOWN), _compared("pairing", "same"), with_lines
    ),
    "reused-across-environments": Condition(
        (both(WHOLE, SAME), SAME, both(WHOLE, UNKNOWN)), _compared("environments"), with_lines
    ),
    "reused-across-names": Condition(
        (
            both(_compared("must differ"), SAME),
            both(_compared("names"), SAME),
            both(has("why", "coupled"), SAME),
            both(_compared("must differ"), UNKNOWN),
        ),
        has("why", "names", "must differ", "coupled"),
        with_lines,
    ),
    "half-done-rotation": Condition((has("relation", "apart"), UNKNOWN), prepare=with_lines),
    "not-rotated-since-event": Condition(
        (NO, both(NOT_KNOWN, not_(has("secret", ""))), NOT_KNOWN), has("kind", "leaver", "breach")
    ),
    "looked-at-values": Condition((NO, NOT_KNOWN), has("kind", "access")),
    # Values
    "compromised-value": Condition(
        (both(PRESENT, yes("compromised")), both(KNOWN, null("compromised"))), HELD
    ),
    "placeholder-value": Condition(
        (
            both(PRESENT, yes("placeholder"), yes("template"), has("environment", *DEVELOPMENT)),
            both(PRESENT, yes("placeholder")),
            both(PRESENT, no("default_ok")),
            both(OWN, SECRET, yes("template")),
            both(PRESENT, null("placeholder"), not_(has("kind", "setting"))),
            both(PRESENT, SECRET, null("template")),
        ),
        HELD,
    ),
    "weak-value": Condition(
        (
            both(OWN, has("length", "short")),
            both(LONG_ENOUGH, SECRET, _guessable, not_(yes("template"))),
            both(LONG_ENOUGH, no("classes_ok")),
            both(OWN, has("length", "below good")),
            both(KNOWN, UNMEASURED),
        ),
        both(HELD, either(SECRET, not_(null("min_length")), _asked("classes_ok"))),
    ),
    "forbidden-format": Condition((both(PRESENT, no("forbidden_format_ok")),), _asked("forbidden_format_ok")),
    "wrong-format": Condition(
        (
            both(LONG_ENOUGH, no("format_ok")),
            both(LONG_ENOUGH, no("usual_format_ok"), not_(no("forbidden_format_ok"))),
            _format_unknown,
        ),
        both(HELD, not_(both(has("format", ""), has("usual_format", "")))),
    ),
    "ambiguous-url": Condition((both(OWN, no("url_ok")),), _asked("url_ok")),
    "unexpected-setting": Condition((both(PRESENT, no("expected_ok")),), _asked("expected_ok")),
    # Variables
    "public-exposure": Condition(  # if the guide itself calls a value harmless in public, that is decided
        (both(BROWSER_SECRET, PRESENT, not_(has("exposure_severity", "info"))),),
        both(ANY_SECRET, not_(MISSING)),
    ),
    "public-secret-demanded": Condition((MISSING,), both(BROWSER_SECRET, DEMANDED)),
    "missing-secret": Condition(
        (
            both(DEMANDED, MISSING),
            both(has("required", "recommended"), yes("demanded"), MISSING),
            both(has("required", "feature"), MISSING),
        ),
        not_(ONLY_LISTED, both(BROWSER_SECRET, DEMANDED)),
    ),
    "empty-secret": Condition((has("state", "empty"),), not_(MISSING, ONLY_LISTED)),
    "two-values-in-one-place": Condition(  # a second value stands under SERVICE (FILE)
        (lambda rows: rows["service"].str.endswith(")"),), HELD
    ),
    "unlisted-secret": Condition((has("kind", "unlisted"),), has("state", "present", "empty")),
    "no-rotation-period": Condition(  # what is public by the policy has no age
        (both(PRESENT, no("period_stated")),),
        both(
            HELD,
            SECRET,
            not_(both(yes("public"), either(has("exposure_severity", "info"), null("max_age_days")))),
        ),
    ),
    "undeclared-variable": Condition(
        (UNDECLARED,), _any_of("reads", "env_files", "examples", "platform", "ledger")
    ),
    "declared-read-nowhere": Condition((has("read", "no"), has("read", "unknown")), yes("declared_here")),
    "read-supplied-nowhere": Condition(
        (has("supplied", "no"), both(has("supplied", "unknown"), has("group", "secrets"))),
        more_than("reads", 0),
    ),
    "secret-not-described": Condition((not_(has("lacking", "")),), prepare=with_lacking),
    "secret-not-reviewed": Condition((has("review", "late", "missing"),)),
    # Ages
    "rotation-not-done": Condition((yes("claimed_not_done"), yes("rotated_back")), prepare=with_lines),
    "overdue-secret": Condition((has("status", "overdue"),), prepare=with_lines),
    "overdue-by-the-period-for-all": Condition(
        (both(has("strict_status", "overdue"), not_(has("status", "overdue"))),), prepare=with_lines
    ),
    "due-secret": Condition((has("status", "due"),), prepare=with_lines),
    "unknown-age": Condition(  # of a place that was not supplied the missing source is the finding
        (both(has("status", "unknown"), not_(has("reason", "not supplied"))),), prepare=with_lines
    ),
    "evidence-conflict": Condition((yes("conflict"),), prepare=with_lines),
    "unrecorded-rotation": Condition((yes("unrecorded_rotation"),), prepare=with_lines),
    # Files
    "tracked-env-file": Condition((yes("tracked"), null("tracked")), PRIVATE, without_settings),
    "unignored-env-file": Condition(
        (both(no("ignored"), not_(yes("tracked"))), both(null("ignored"), no("tracked"))),
        PRIVATE,
        without_settings,
    ),
    "open-file-mode": Condition(  # of a tracked file every clone has them, and git keeps no mode
        (_others_may_read, null("mode")), both(PRIVATE, not_(yes("tracked"))), without_settings
    ),
    "values-on-disk": Condition(
        (
            has("kind", "export"),
            has("kind", "backup"),
            both(has("kind", "env file"), has("environment", "production")),
        ),
        ON_DISK,
    ),
    "source-not-read": Condition(
        (
            both(has("state", "empty"), has("kind", "log", "example", "backup")),
            both(has("state", "missing"), not_(has("kind", "example"))),
            has("state", "unreadable", "refused", "empty"),
        )
    ),
    "guide-changed": Condition((has("reason", OTHER_GUIDE),), has("kind", "guide")),
    "env-line-not-understood": Condition((has("state", "not understood"),)),
    "value-read-differently": Condition(
        (_line_fault("duplicate"), _line_fault(*READ_DIFFERENTLY)),
        both(has("kind", "env file", "export", "given values"), not_(null("name"))),
        without_lines_of_settings,
    ),
    "secret-in-blueprint": Condition((NO, NOT_KNOWN), has("topic", "blueprint value")),
    "previews-inherit-secrets": Condition((NO, NOT_KNOWN), has("topic", "blueprint preview")),
    "env-file-in-image-context": Condition((NO, NOT_KNOWN), has("topic", "image context")),
    "blueprint-name-twice": Condition((NO, NOT_KNOWN), has("topic", "blueprint name")),
    "unreviewed-baseline": Condition((NO,), has("topic", "baseline entry")),
    "ignored-example-file": Condition((NO,), has("topic", "example kept")),
    "configuration-not-read": Condition((NOT_KNOWN,), has("topic", "file")),
    # Logs
    "value-in-log": Condition((has("message", *SHOWING_VALUES),)),
    "start-up-failed": Condition(
        (
            has("message", REPORTED_MISSING),
            has("kind", "secret_validation_failed"),
            has("kind", "startup_failed"),
        )
    ),
    "database-failure": Condition((has("kind", "database_failure"),)),
    "log-gap": Condition((has("counted", 0), lambda rows: rows["days_read"].lt(rows["days"]))),
    "untimed-log-lines": Condition((more_than("untimed", 0),)),
    "log-not-understood": Condition(
        (_few_not_understood, both(LOG, either(more_than("not_understood", 0), TEXT_ONLY)))
    ),
    "detection-not-applied": Condition((both(has("verdict", "unknown"), GRAVE),)),
    # What a review rests on
    "ledger-fault": Condition((yes("lost"), every)),
    "settings-changed": Condition((yes("known"), no("known"))),
    "rule-not-met": Condition((has("status", "answered no"), has("status", "open", "expired")), _of_a_rule),
}
