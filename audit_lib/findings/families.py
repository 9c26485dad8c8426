"""Checks that judge one thing: a fault that moves from one to another of its family has not ended."""

# Within a family the worst first; a check that is in none is a family of its own.
FAMILIES: dict[str, tuple[str, ...]] = {
    "leak": ("leaked-in-force", "leak-undecided", "leaked-before"),
    "age": ("overdue-secret", "due-secret", "overdue-by-the-period-for-all", "unknown-age"),
    "presence": (
        "missing-secret", "empty-secret", "public-secret-demanded", "missing-recommended",
        "feature-secret-undecided", "not-set",
    ),
    "strength": (
        "compromised-value", "placeholder-value", "template-in-use", "known-default", "weak-value",
        "short-value", "too-few-classes", "below-good-length",
    ),
    "format": ("forbidden-format", "wrong-format", "unusual-format"),
    "source": ("source-missing", "source-not-read"),
}  # fmt: skip
EVERYWHERE = ("leak",)  # what leaked is known to everyone, in whichever place it is in force
_FAMILY_OF = {check: family for family, checks in FAMILIES.items() for check in checks}


def family_of(check: str) -> str:
    """The family of a check."""
    return _FAMILY_OF.get(check, check)


def mildness(check: str) -> int:
    """How far from the worst of its family a check is."""
    family = FAMILIES.get(family_of(check), ())
    return family.index(check) if check in family else 0
