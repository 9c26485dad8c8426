"""Which risk of the OWASP Non-Human Identities Top 10 a check bears on; a mapping shows relevance alone.

Source: OWASP Top 10 Non-Human Identities Risks, 2025. What is in no list bears on the review itself, on
people who log in, or on a fault that is not a risk of that list.
"""

NHI: dict[str, tuple[str, ...]] = {
    "NHI1:2025": (  # improper offboarding
        *("declared-read-nowhere", "supplied-undeclared", "unlisted-secret", "secret-without-owner"),
        *("secret-without-purpose", "secret-not-reviewed"),
    ),
    "NHI2:2025": (  # secret leakage
        *("public-exposure", "public-secret-demanded", "compromised-value", "live-value-in-example"),
        *("tracked-env-file", "unignored-env-file", "open-file-mode", "backup-on-disk", "export-on-disk"),
        *("secret-in-blueprint", "env-file-in-image-context", "unreviewed-baseline", "value-in-log"),
        *("leaked-in-force", "leak-undecided", "leaked-before"),
        *("password-in-file", "leak-search-incomplete"),
    ),
    "NHI4:2025": (  # insecure authentication
        *("placeholder-value", "template-in-use", "short-value", "below-good-length", "known-default"),
        *("too-few-classes", "weak-value", "wrong-format"),
    ),
    "NHI5:2025": ("forbidden-format", "secret-without-reach"),  # overprivileged
    "NHI7:2025": (  # long-lived secrets
        *("no-rotation-period", "period-without-reason", "overdue-secret", "due-secret"),
        *("overdue-by-the-period-for-all", "unknown-age", "rotation-not-done", "rotated-back"),
        *("rotated-apart", "half-done-rotation"),
    ),
    "NHI8:2025": (  # environment isolation
        *("reused-across-environments", "shared-server", "previews-inherit-secrets"),
        *("production-values-on-disk",),
    ),
    "NHI9:2025": ("reused-across-names", "equal-but-must-differ", "coupling-not-stated"),  # reuse
}
_OF_CHECK = {check: risk for risk, checks in NHI.items() for check in checks}


def nhi_risk(check: str) -> tuple[str, ...]:
    """The risk that a check bears on, if there is one."""
    return (_OF_CHECK[check],) if check in _OF_CHECK else ()
