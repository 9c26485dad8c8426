"""Classes of bytes: which a field of a template takes, at least how many, and as which capture."""

# Captures: each takes two places (from, to); a time and a status are kept as numbers.
NOTHING, CLIENT, METHOD, PATH, EMAIL, VARIABLE = range(6)

LETTERS = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
DIGITS = b"0123456789"
ALL = bytes(range(256))
BYTES: dict[str, bytes] = {
    "sp": b" ",
    "digits": DIGITS,
    "word": bytes(set(ALL) - set(b' []"')),
    "name": LETTERS + DIGITS + b"_./-",
    "dotted": LETTERS + DIGITS + b"_.",
    "peer": bytes(set(ALL) - set(b' "')),
    "client": LETTERS + DIGITS + b".:_-",
    "method": LETTERS,
    "route": bytes(set(ALL) - set(b' ":')),
    "email": bytes(set(ALL) - set(b" ")),
    "variable": LETTERS[:26] + DIGITS + b"_",
    "head of dotted": LETTERS + b"_",
    "head of variable": LETTERS[:26],
}
RUNS = {  # field: class, least length, capture
    "sp": ("sp", 1, NOTHING),
    "digits": ("digits", 1, NOTHING),
    "word": ("word", 1, NOTHING),
    "name": ("name", 1, NOTHING),
    "peer": ("peer", 0, CLIENT),
    "client": ("client", 1, CLIENT),
    "client:port": ("client", 1, CLIENT),
    "method": ("method", 1, METHOD),
    "path": ("peer", 0, PATH),
    "route": ("route", 0, PATH),
    "email": ("email", 0, EMAIL),
}
HEADS = {"dotted": (0, 1 << 30, NOTHING), "variable": (2, 63, VARIABLE)}
FIRST_OF_TIME = {"time": DIGITS, "time:clf": DIGITS, "time:asctime": LETTERS, "time:syslog": LETTERS}
