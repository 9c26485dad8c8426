"""The walk through the tree of formats reads as their templates say, whatever the formats are."""

import io
import random
import re
from dataclasses import replace
from zoneinfo import ZoneInfo

import pytest

from audit_lib.base.log_kinds import MESSAGE_KINDS
from audit_lib.logs.blocks import Block
from audit_lib.logs.formats import LogFormats, load_formats
from audit_lib.logs.kernel.join_chunks import reduce_chunks
from audit_lib.logs.kernel.worker import read_chunks
from audit_lib.logs.read_file import NAIVE_ALONE, read_naively
from audit_lib.logs.read_options import Plan
from audit_lib.logs.templates import expression, parse_template
from tests.support.sums import told

BUNDLED = load_formats()
# Of each field some texts that it takes, and one that it does not.
TEXTS = {
    "time": [
        "2026-08-02T10:00:00.5Z",
        "2026/08/03 10:00:01,123456789 +0200",
        "2026-08-02 10:00:00",
        "2026/08/02 - 10:00:00",
        "2026-08-02 10:00:00.123 UTC",
        "2026-08-02 10:00:00 UTCx",
        "2026-08-32 10:00:00",
    ],
    "time:clf": [
        "02/Aug/2026:10:00:00 +0000",
        "02-Aug-2026 10:00:00 UTC",
        "02 Aug 2026 10:00:00.123",
        "02/Aug-2026:10:00:00",
        "02/Aug/2026:10:00:00.123",
        "31/Feb/2026:10:00:00 +0000",
    ],
    "time:short": [
        "2/Aug/2026 10:00:00",
        "2-Aug-2026:10:00:00",
        "2/Aug/2026:10:00:00.5",
        "02/Aug/2026:10:00:00",
        "2/Aug/2026",
        "0/Aug/2026 10:00:00",
    ],
    "time:asctime": [
        "Sun Aug  2 10:00:00 2026",
        "Sun Aug 02 10:00:00.123456 2026",
        "Sun Aug 42 10:00:00 2026",
        "Sun Aug 2 10:00:00 2026",
    ],
    "time:dated": [
        "Aug  2 2026 10:00:00",
        "Aug 02 2026 10:00:00.33",
        "Aug 2 2026 10:00:00",
        "Aug 42 2026 10:00:00",
        "Aug  2 2026 10:00",
        "Aug  2 10:00:00",
    ],
    "time:syslog": ["Aug  2 10:00:00", "Aug 02 10:00:99", "Aug 2 10:00:00", "Aug   10:00:00"],
    "level": ["INFO", "WARN", "WARNING", "CRITICAL", "INFORM"],
    "sp": [" ", " " * 40, ""],
    "digits": ["7", "1234567890" * 4, "x"],
    "word": ["app", "a-long.word" * 9, "é💥", "[", ""],
    "name": ["web1/nginx", "x", "é"],
    "dotted": ["app.core", "_x9", "9x"],
    "peer": ["203.0.113.7:52341", "[::1]:5", "", "None"],
    "token": ["x", 'a[b]"', ""],
    "client": [
        "203.0.113.7",
        "2001:db8::7",
        "::",
        "2001:db8::7:",
        "::ffff:1.2.3.4.",
        "fe80::1%eth0",
        "fe80::1%",
        "1.2.3",
        "1.2.3.4.5",
        "1.2.3.4567",
        "1.2.3.4:5",
        "1.2.3.4.",
        "1::",
        ":1",
        "a:b",
        "dead.beef",
        " ",
    ],
    "host": ["203.0.113.7", "www.example.com", ""],
    "client:port": ["203.0.113.7:51380", "host"],
    "method": ["GET", "get", "G3T"],
    "path": ["/api/x?a=b", "/", "", "x", "/api/" + "y" * 60],
    "route": ["/api/x", "/a:b", ""],
    "status": ["200", "401", "429", "599", "600", "4010", "99"],
    "variable": ["API_TOKEN", "ABC", "AB", "A" * 64, "A" * 65, "abc"],
    "email": ["someone@example.com", "", "x"],
    "text": ["", "anything at all", 'a ] b " c', "x" * 70],
    "rest": ["", " Unauthorized", "x"],
    "end": ["", "x"],
}
LITERALS = [
    " ",
    " - ",
    ": ",
    "[",
    "] ",
    '"',
    "x",
    "] [",
    "failed login for ",
    "a literal that is longer than sixteen bytes",
    "=>",
]
BEGINNINGS = [
    "{time} ",
    "{time} [",
    "[{time}] ",
    "{level}:{sp}",
    '{peer} - "',
    "{client} {word} ",
    "{word}[{digits}]: ",
]

BY_EXPRESSION = Block(
    "by expression", (), rb"failed login for .*x$", False, b"failed ", (), (), kind=MESSAGE_KINDS[0]
)


def _template(rng: random.Random) -> str:
    """A template that can be read, of fields and literals by chance; many begin alike."""
    while True:
        pieces = [rng.choice(BEGINNINGS)] if rng.random() < 0.4 else []
        pieces += [
            f"{{{rng.choice([*TEXTS])}}}" if rng.random() < 0.6 else rng.choice(LITERALS)
            for _ in range(rng.randint(1, 6))
        ]
        pieces += ["{text}", rng.choice(LITERALS), "{end}"] if rng.random() < 0.1 else []
        try:
            parse_template("".join(pieces))
        except ValueError:
            continue
        return "".join(pieces)


def _block(rng: random.Random, section: str, name: str) -> Block:
    """A block by chance."""
    parts = parse_template(_template(rng))
    try:
        compiled = expression(parts, section == "body")
    except re.error:  # a field twice
        return _block(rng, section, name)
    if compiled.match(b""):  # which load_formats refuses
        return _block(rng, section, name)
    return Block(
        name,
        parts,
        b"",
        section == "body",
        b"",
        (),
        (),
        record=rng.random() < 0.3,
        outer=section == "prefix" and rng.random() < 0.2,
        kind=rng.choice(MESSAGE_KINDS) if section == "message" else "",
        once=section == "message" and rng.random() < 0.3,
        method="PING" if section == "body" and rng.random() < 0.1 else "",
        status=rng.choice([None, None, 101]) if section == "body" else None,
    )


def _formats(rng: random.Random) -> LogFormats:
    def blocks(section: str) -> tuple[Block, ...]:
        return tuple(_block(rng, section, f"{section} {number}") for number in range(rng.randint(1, 9)))

    sought = [block for block in BUNDLED.messages if block.anywhere]
    messages = *blocks("message"), *sought, BY_EXPRESSION
    return replace(BUNDLED, prefixes=blocks("prefix"), bodies=blocks("body"), messages=messages)


def _written(rng: random.Random, block: Block) -> str:
    """A text that a block may match: each field with one of its texts, now and then damaged."""
    if not block.parts:
        return "failed login for " + rng.choice(["x", "y", "xy"])
    text = "".join(part.literal.decode() or rng.choice(TEXTS[part.field]) for part in block.parts)
    if text and rng.random() < 0.3:
        at = rng.randrange(len(text))
        text = text[:at] + rng.choice(["", " ", '"', "é", text[at] * 2, "\t"]) + text[at + 1 :]
    return text


def _content(rng: random.Random, formats: LogFormats, count: int) -> bytes:
    """Lines by chance, but for those whose file is not given to the kernel."""
    lines = []
    for _ in range(count):
        heads = rng.choices(formats.prefixes, k=rng.randint(0, 3))
        last = rng.choice([*formats.bodies, *formats.messages])
        lines.append("".join(_written(rng, block) for block in (*heads, last)))
    return b"\n".join(line for line in map(str.encode, lines) if not NAIVE_ALONE.search(line))


def test_the_bundled_formats_read_the_same() -> None:
    """Lines of every block, with fields as they should and should not be: the same sums by both readers."""
    content = _content(random.Random(1), BUNDLED, 40_000)
    plan = Plan(BUNDLED, ZoneInfo("UTC"))
    fast = told(reduce_chunks(read_chunks(io.BytesIO(content), plan), plan))
    assert fast == told(read_naively(io.BytesIO(content), plan))


@pytest.mark.parametrize(
    "seed", [*range(10), *(pytest.param(seed, marks=pytest.mark.long) for seed in range(10, 300))]
)
def test_formats_by_chance_read_the_same(seed: int) -> None:
    """Blocks of random fields and texts, in any order: the same sums by the tree and by expressions."""
    rng = random.Random(seed)
    formats = _formats(rng)
    content = _content(rng, formats, 4000)
    plan = Plan(formats, ZoneInfo("Europe/Berlin"), chunk=50_000)
    fast = told(reduce_chunks(read_chunks(io.BytesIO(content), plan), plan))
    assert fast == told(read_naively(io.BytesIO(content), plan))
