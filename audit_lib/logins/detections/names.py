"""What each detection is called, since its number alone says nothing to a reader."""

NAMES = {
    "A1": "burst",
    "A2": "slow attempts",
    "A3": "spaced attempts",
    "A4": "attempts over days",
    "A5": "distributed attempts",
    "A6": "many protected routes",
    "A7": "success after failures",
    "A8": "first success from a network",
    "A9": "stale client after a change",
    "A10": "configuration break",
    "A11": "unrecorded change",
    "A12": "rate limit reached",
    "A13": "unusual hour",
    "A14": "top address",
    "A15": "scan",
    "A16": "database or server errors",
    "A17": "secret in a URL",
    "A18": "failed starts",
    "A19": "gap or clock jump",
    "A20": "off-hours attempts",
}


def detection_name(detection: str) -> str:
    """`burst (A1)`; an id that is not listed stays as it is."""
    return f"{NAMES[detection]} ({detection})" if detection in NAMES else detection
