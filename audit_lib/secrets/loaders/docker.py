"""Reads an env file as `docker run --env-file` does: a value is what stands behind the equals sign, as it is.

Source: docker/cli 26.1, opts/file.go (parseKeyValueFile). A name that holds a space, a missing one, bytes
that are no UTF-8 or a line of 64 KiB end the command.
"""

from audit_lib.secrets.loaders.statement import Lines, Reading, Statement

MAX_LINE_BYTES = 65_536
# unicode.IsSpace of Go: U+001C to U+001F, which Python counts, are none.
GO_SPACE = "".join(map(chr, (*range(9, 14), 32, 0x85, 0xA0, 0x1680, *range(0x2000, 0x200B), 0x2028, 0x2029)))
GO_SPACE += "\u202f\u205f\u3000"


def read(text: str) -> Reading:
    """The statements of a text; a name alone takes its value from the process and sets nothing here."""
    lines = Lines(text)
    found: list[Statement] = []
    refused = False
    at = 0
    for raw in text.split("\n"):
        body = raw.removesuffix("\r")
        line = (body.removeprefix("\ufeff") if at == 0 else body).lstrip(GO_SPACE)
        name, equals, value = line.partition("=")
        if line and not line.startswith("#"):
            refused |= not name or " " in name or "\t" in name
            if equals:
                found.append(Statement(lines.at(at), lines.at(at + max(len(body) - 1, 0)), name, value))
        refused |= len(raw) >= MAX_LINE_BYTES // 4 and len(raw.encode("utf-8", "replace")) >= MAX_LINE_BYTES
        at += len(raw) + 1
    return Reading(tuple(found), refused)
