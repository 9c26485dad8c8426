"""Checks on events after which secrets are rotated at once: leavers, breaches, looks at values."""

from functools import partial

from audit_lib.findings.check import Check, Predicate, has

PLACE = "{source}:{line}"
NO, NOT_KNOWN = has("answer", "no"), has("answer", "unknown")
COVERS = "{secret}@{environment}/{service}"


def _about(kind: str) -> Predicate:
    """Rows of a kind on a secret; that nothing is known of an event as a whole is a check of its own."""
    return lambda rows: rows["kind"].eq(kind) & rows["secret"].ne("")


trigger_check = partial(Check, table="triggers", subject="{subject}", where=PLACE)

TRIGGERS = (
    trigger_check(
        id="not-rotated-since-leaver",
        what="Somebody with access left, and secrets were not rotated since.",
        why="Who knew a value still knows it, on machines that nobody here controls.",
        severity="high",
        about=_about("leaver"),
        when=NO,
        unknown_when=NOT_KNOWN,
        evidence="{subject}: secrets that were in force then still are",
        unknown_evidence="{subject}: it is not known if these were rotated since",
        remedy="Rotate these secrets: audit-lib runbook NAME --compromised.",
        controls=("NIST PS-4", "ISO A.6.5", "PCI 8.2.5"),
        covers=COVERS,
        listed=True,
    ),
    trigger_check(
        id="not-rotated-since-breach",
        what="A provider reported a breach, and its secrets were not rotated since.",
        why="What the provider held may be in other hands.",
        severity="critical",
        about=_about("breach"),
        when=NO,
        unknown_when=NOT_KNOWN,
        evidence="{subject}: secrets that were in force at the breach still are",
        unknown_evidence="{subject}: it is not known if these were rotated since",
        remedy="Rotate these secrets: audit-lib runbook NAME --compromised.",
        controls=("NIST IR-4", "NIST IA-5", "ISO A.5.26"),
        covers=COVERS,
        listed=True,
    ),
    trigger_check(
        id="trigger-not-decided",
        what="It is not known which secrets somebody who left, or a provider that was breached, had.",
        why="What is not rotated then stays with them.",
        severity="medium",
        about=lambda rows: rows["kind"].ne("access") & rows["secret"].eq(""),
        unknown_when=NOT_KNOWN,
        evidence="{subject}: {reason}",
        remedy="Name the owners in the policy, or the provider in a secret's title.",
        controls=("NIST PS-4", "NIST AC-2"),
    ),
    trigger_check(
        id="looked-at-values",
        what="Somebody who may not looked at values on the platform, or opened a shell there.",
        why="A value that was looked at is known to one more person.",
        severity="high",
        about=has("kind", "access"),
        when=NO,
        unknown_when=NOT_KNOWN,
        evidence="{subject} at {at}: {reason}",
        remedy="Ask who it was; rotate what was shown, or add them to may_look in audit.toml.",
        controls=("NIST AU-6", "NIST AC-6", "ISO A.8.2"),
    ),
)
