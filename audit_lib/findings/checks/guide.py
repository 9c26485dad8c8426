"""Checks on the guide's own text: its commands, and what it lacks as a document."""

from audit_lib.findings.check import Check, has

DOCUMENT = ("ISO A.5.1", "ISO A.5.37")
AUTHENTICATORS = ("NIST IA-5", "ISO A.5.17")
DISCLOSURE = ("NIST IA-5(7)", "ASVS 13.3.1", "CWE-522")
ROTATION = ("NIST IA-5", "ASVS 13.3.4", "PCI 8.6.3")
PLACE = "{source}:{line}"


def guide_check(
    id_: str,
    topic: str,
    what: str,
    why: str,
    remedy: str,
    *,
    severity: str = "medium",
    subject: str = "{subject}",
    evidence: str = "{subject}: {reason}",
    controls: tuple[str, ...] = DOCUMENT,
) -> Check:
    """A check of one topic: its rows say yes, no or unknown, and name their line."""
    return Check(
        id=id_,
        what=what,
        why=why,
        table="guide_statements",
        severity=severity,
        about=has("topic", topic),
        when=has("answer", "no"),
        unknown_when=has("answer", "unknown"),
        subject=subject,
        evidence=evidence,
        remedy=remedy,
        controls=controls,
        where=PLACE,
    )


GUIDE = (
    guide_check(
        "guide-command-shows-value",
        "command",
        "A command that the guide prints shows a secret.",
        "The screen, the shell's history, the list of processes and the server's log then hold it.",
        "Replace the command by one that compares without showing, or that asks for the value.",
        controls=DISCLOSURE,
    ),
    guide_check(
        "guide-searches-one-branch",
        "history search",
        "The guide's search of the history leaves branches out.",
        "A secret that was committed on another branch is as public.",
        "Search all branches, by value: `audit-lib leaks`.",
        severity="low",
        controls=("NIST RA-5", "NIST IA-5(7)"),
    ),
    guide_check(
        "guide-copies-in-clear",
        "copy",
        "The guide has an env file copied beside itself.",
        "The copy is neither ignored, nor encrypted, nor rotated.",
        "Keep the old value in the manager, or encrypt the copy and delete it on a date.",
        controls=("NIST SC-28", "ISO A.8.13"),
    ),
    guide_check(
        "guide-assignment-edits-nothing",
        "assignment",
        "A line that is to change an env file changes none.",
        "The old value stays in force, and the procedure looks done.",
        "Print a command that edits the file, such as `audit-lib generate {subject} --into`.",
        controls=ROTATION,
    ),
    guide_check(
        "guide-relies-on-the-obsolete",
        "obsolete",
        "The guide relies on a tool or a message that has been replaced.",
        "Whoever searches for the old text finds nothing.",
        "Name what replaces it.",
        severity="low",
    ),
    guide_check(
        "guide-ignores-too-little",
        "ignored",
        "The guide's list for .gitignore leaves usual names of env files out.",
        "The first such file is committed with everything else.",
        "Ignore .env and .env.* in every folder, and take back the examples: !.env.example",
        controls=("NIST IA-5(7)", "CWE-538"),
    ),
    guide_check(
        "guide-permissions-differ",
        "permissions",
        "The guide gives one environment full permissions in one line and limited ones in another.",
        "Whoever sets up the keys may choose.",
        "State one set of permissions for {subject}.",
        controls=("NIST AC-6", "ISO A.8.2"),
    ),
    guide_check(
        "guide-head-incomplete",
        "head",
        "The guide's head lacks a version, a date, or a person who owns it.",
        "Nobody answers for what it demands, and nobody knows which text was applied.",
        "Write version, date and the name of a person at the guide's head.",
        severity="low",
    ),
    guide_check(
        "guide-contents-incomplete",
        "contents",
        "The guide's table of contents differs from its sections.",
        "What is not in it is overlooked.",
        "Bring the table of contents up to date.",
        severity="info",
    ),
    guide_check(
        "guide-snippet-broken",
        "snippet",
        "A snippet in the guide cannot run.",
        "What it is to show is not what the application does.",
        "Complete the snippet, or quote the application's own lines.",
        severity="info",
    ),
    guide_check(
        "guide-claim-without-source",
        "claim",
        "The guide makes a claim without a source.",
        "Nobody can check if it still holds, or ever did.",
        "Name the source, or take the claim out.",
        severity="info",
    ),
    guide_check(
        "guide-demand-without-means",
        "need",
        "The guide demands what needs something that it does not name.",
        "The demand cannot be met, or nobody can show that it was.",
        "Add to the guide: {subject}.",
        severity="low",
    ),
    guide_check(
        "guide-reports-in-public",
        "public report",
        "The guide sends reports on security to a public issue.",
        "A report there publishes the weakness before it is fixed.",
        "Name a private way to report, such as an address or the platform's security advisories.",
        controls=("ISO A.6.8", "NIST RA-5"),
    ),
    guide_check(
        "guide-not-read",
        "text",
        "The guide could not be read, or not in full.",
        "What it contradicts is then not known.",
        "Fix {source}, and review again.",
        subject="guide",
        evidence="{source}: {reason}",
    ),
)
