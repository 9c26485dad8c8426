"""Whether a place in a file is in an address whose token anybody may see."""

import re

_ENDS = re.compile(rb"[\s\"'`()<>]")
_LONGEST = 300  # bytes of an address before its token
# The picture of a project's state, as its first page shows it, and a file that a link shares.
_PUBLIC = re.compile(rb"(?i)://[^?]*(?:badge|shields\.io|\.svg\?)|[?&]alt=media&")


def in_public_address(content: bytes, place: int) -> bool:
    """Whether what stands before a place, up to the address's beginning, says that its token is public."""
    if content[place - 1 : place] != b"=":
        return False
    return _PUBLIC.search(_ENDS.split(content[max(0, place - _LONGEST) : place])[-1]) is not None
