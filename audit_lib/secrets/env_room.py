"""What the env files of one project may hold in all; what goes beyond is refused, and the reason says so."""

from collections.abc import Collection
from dataclasses import dataclass, field

from audit_lib.secrets.env_lines import MAX_LINES, EnvLine, is_binary

MAX_BYTES = 2 * 1024 * 1024  # of one file: by default Linux gives a process no larger environment
MAX_LINES_IN_ALL = 200_000
# Each value is searched for in dozens of forms, and strong ones in every part: it is they that cost.
MAX_VALUES_IN_ALL = 3_000
MAX_CHARACTERS_IN_ALL = 250_000


@dataclass
class EnvRoom:
    """What is left for the files that are still to be read, each as a whole or not at all."""

    lines: int = field(default_factory=lambda: MAX_LINES_IN_ALL)
    values: int = MAX_VALUES_IN_ALL
    characters: int = MAX_CHARACTERS_IN_ALL

    def refuses(self, content: bytes) -> str:
        """Why a content is not parsed at all; "" if it is."""
        if is_binary(content):
            return "is binary: it has NUL bytes and is not UTF-8 text"
        lines = content.count(b"\n") + content.count(b"\r")
        if lines > MAX_LINES:
            return f"has more than the limit of {MAX_LINES:,} lines"
        if lines > self.lines:
            return f"comes after the limit of {MAX_LINES_IN_ALL:,} lines of all env files"
        return ""

    def refuses_lines(self, lines: Collection[EnvLine]) -> str:
        """Why the lines of a file are not taken; "" if they are, and their values are counted."""
        values = [text for line in lines for text in (line.value, *line.suspects) if text]
        characters = sum(map(len, values))
        if len(values) > self.values:
            return f"has more values than are left of {MAX_VALUES_IN_ALL:,} for all env files"
        if characters > self.characters:
            return (
                f"has longer values than are left of {MAX_CHARACTERS_IN_ALL:,} characters for all env files"
            )
        self.lines -= len(lines)
        self.values -= len(values)
        self.characters -= characters
        return ""
