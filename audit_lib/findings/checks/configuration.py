"""Checks on the project's own configuration: blueprints, image contexts, baselines."""

from functools import partial

from audit_lib.findings.check import Check, has

PLACE = "{source}:{line}"
SOURCE_CODE = ("NIST IA-5(7)", "ASVS 13.3.1", "CWE-798")
PLATFORM = ("NIST CM-6", "ISO A.5.23")
NO, NOT_KNOWN = has("answer", "no"), has("answer", "unknown")

configuration_check = partial(Check, table="configuration", where=PLACE)

CONFIGURATION = (
    configuration_check(
        id="secret-in-blueprint",
        what="The platform's blueprint holds the text of a secret.",
        why="The blueprint is committed, so everyone with a clone has the secret.",
        severity="critical",
        about=has("topic", "blueprint value"),
        when=NO,
        unknown_when=NOT_KNOWN,
        subject="{subject} of {service}",
        evidence="{source} sets {subject} of {service} to a text of its own",
        unknown_evidence="how {source} supplies {subject} of {service} is not known",
        remedy="Rotate {subject}, then write `sync: false` or a reference in {source} in its place.",
        controls=SOURCE_CODE,
    ),
    configuration_check(
        id="blueprint-name-twice",
        what="A variable of a service is set twice in the platform's blueprint.",
        why="Which one is in force depends on the platform's order, and a rotation may miss it.",
        severity="medium",
        about=has("topic", "blueprint name"),
        when=NO,
        unknown_when=NOT_KNOWN,
        subject="{subject} of {service}",
        evidence="{source} sets {subject} of {service} twice: {reason}",
        unknown_subject="{service}",
        unknown_evidence="whether a group that {source} does not hold sets {subject} of {service}, too, is "
        "not known",
        remedy="Set {subject} in the group or in the service, not in both.",
        controls=PLATFORM,
    ),
    configuration_check(
        id="previews-inherit-secrets",
        what="Previews of the platform get the same secret as the service itself.",
        why="A preview runs code that nobody has reviewed yet.",
        severity="high",
        about=has("topic", "blueprint preview"),
        when=NO,
        unknown_when=NOT_KNOWN,
        subject="{subject} of {service}",
        evidence="previews of {service} get the value of {subject} that {source} states",
        unknown_evidence="whether previews of {service} get the service's {subject} is not known",
        remedy="Give {subject} a `previewValue`, or `sync: false`, in {source}.",
        controls=("NIST CM-4(1)", "ISO A.8.31"),
    ),
    configuration_check(
        id="env-file-in-image-context",
        what="A Dockerfile copies an env file into its image.",
        why="Everyone who may pull the image can read the file, in every layer that ever held it.",
        severity="high",
        about=has("topic", "image context"),
        when=NO,
        unknown_when=NOT_KNOWN,
        subject="{subject}",
        evidence="{source} copies {subject} into the image: .dockerignore does not leave it out",
        unknown_evidence="whether {source} copies {subject} into the image is not known: {reason}",
        remedy="Add {subject} to the .dockerignore beside {source}, and build the image anew.",
        controls=("NIST SC-28", "ASVS 13.3.1", "CWE-538"),
    ),
    configuration_check(
        id="unreviewed-baseline",
        what="A scanner's baseline silences a hit that nobody has called harmless.",
        why="What is in the baseline is never reported again, a real secret among it.",
        severity="medium",
        about=has("topic", "baseline entry"),
        when=NO,
        subject="{source}",
        evidence="{source} silences {subject}: {reason}",
        remedy="Run `detect-secrets audit {source}`, and rotate what is a secret.",
        controls=("NIST RA-5", "NIST IA-5(7)"),
        where="{subject}",
    ),
    configuration_check(
        id="ignored-example-file",
        what="An example file is ignored by git.",
        why="Who sets up the application finds no list of what it needs, and copies a real file instead.",
        severity="low",
        about=has("topic", "example kept"),
        when=NO,
        subject="{subject}",
        evidence="git ignores the example file {subject}",
        remedy="Take {subject} back in .gitignore: !{subject}",
        controls=("NIST CM-2", "ISO A.8.9"),
        where="{source}",
    ),
    configuration_check(
        id="configuration-not-read",
        what="A file that configures the platform or a scanner could not be read.",
        why="What it says of secrets is not known, and it must not look like a pass.",
        severity="medium",
        about=has("topic", "file"),
        unknown_when=NOT_KNOWN,
        subject="{source}",
        evidence="{source}: {reason}",
        remedy="Fix {source}, and review again.",
        controls=PLATFORM,
        where="{source}",
    ),
)
