"""Where any of many byte strings, or of a few expressions, ends in a content: hyperscan, in one pass."""

import threading
from collections.abc import Sequence

import hyperscan


class HyperscanGate:
    """Regular expressions over bytes, compiled once and searched for from any thread."""

    def __init__(self, expressions: Sequence[bytes]) -> None:
        """There is one at least, and none matches the empty string."""
        self._database = hyperscan.Database(mode=hyperscan.HS_MODE_BLOCK)
        self._database.compile(
            expressions=list(expressions),
            ids=list(range(len(expressions))),
            elements=len(expressions),
            flags=hyperscan.HS_FLAG_DOTALL,
        )
        self._threads = threading.local()

    def ends(self, data: bytes) -> list[tuple[int, int]]:
        """Pairs of an expression's number and the position after a match, for every place of each."""
        found: list[tuple[int, int]] = []

        def keep(number: int, start: int, end: int, flags: int, context: object) -> None:
            found.append((number, end))

        if len(data):
            self._database.scan(data, match_event_handler=keep, scratch=self._scratch())
        return found

    def _scratch(self) -> hyperscan.Scratch:
        # hyperscan does not let two scans share a scratch space.
        scratch = getattr(self._threads, "scratch", None)
        if scratch is None:
            scratch = self._threads.scratch = hyperscan.Scratch(self._database)
        return scratch


class HyperscanScan(HyperscanGate):
    """Byte strings compiled once and searched for from any thread."""

    # hyperscan takes patterns of 16,000 characters; a byte is written as four.
    longest = 3000

    def __init__(self, forms: Sequence[bytes]) -> None:
        """None of the forms is empty or longer than `longest`, and there is one at least."""
        # Escaped bytes, not literals: the literal interface ends a pattern at a zero byte.
        super().__init__([("\\x" + form.hex("|").replace("|", "\\x")).encode() for form in forms])
