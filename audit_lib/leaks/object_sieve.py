"""Which objects of a history are worth a look: those that hold a value, or could be more than they seem."""

from bisect import bisect_right
from collections.abc import Generator, Iterable, Iterator
from itertools import accumulate
from typing import NamedTuple

from audit_lib.base.git.objects import Batch, Span
from audit_lib.leaks.changed_parts import Change, Comparison, holding
from audit_lib.secrecy.exact_search import ExactSearch

# The first two bytes of what may be an archive or a pointer of LFS; a closer look asks further.
_BEGINNINGS = frozenset((b"\x1f\x8b", b"BZ", b"\xfd7", b"\x28\xb5", b"PK", b"ve"))


class Compared(NamedTuple):
    """The objects of a batch, copied, each with what is to be searched in it."""

    spans: dict[str, Span]  # of those that are whole
    changes: list[Change]
    windows: list[tuple[Span, bytes]]  # of one that is not: a part of it
    commits: list[str]
    begun: int


class ObjectSieve:
    """Objects as they come, each compared with the one before it."""

    def __init__(self, search: ExactSearch, compared: Comparison) -> None:
        """The comparison is this search's: it knows how far its values reach."""
        self.search = search
        self._compared = compared
        self._held = False  # whether the last object held anything

    def compared(self, batches: Iterable[Batch]) -> Generator[Compared]:
        """The batches, in their order."""
        for batch in batches:
            spans = {span.oid: span for span in batch.spans if span.whole}
            yield Compared(
                spans,
                list(self._compared.changes((oid, batch.content(span)) for oid, span in spans.items())),
                [(span, batch.content(span)) for span in batch.spans if not span.whole],
                [span.oid for span in batch.spans if span.kind == "commit"],
                batch.begun,
            )

    def worth_a_look(self, batch: Compared) -> Iterator[tuple[Span, bytes]]:
        """The objects that hold anything searched for, could be an archive, or point elsewhere."""
        for change, held in holding(self._with_met(batch.changes), self._meets, before=self._held):
            self._held = held
            if held or _may_be_more(change.content):
                yield batch.spans[change.oid], change.content
        for span, content in batch.windows:
            if _may_be_more(content) or self._meets(content):
                yield span, content

    def _with_met(self, changes: list[Change]) -> Iterator[tuple[Change, bool]]:
        """With each change whether something is in its new part; all are searched at once."""
        starts = list(accumulate((len(change.new) + 1 for change in changes), initial=0))
        hits = self.search.meets(b"\0".join(change.new for change in changes))
        met = {bisect_right(starts, at) - 1 for at in hits}
        return ((change, number in met) for number, change in enumerate(changes))

    def _meets(self, content: bytes) -> bool:
        return bool(self.search.meets(content))


def _may_be_more(content: bytes) -> bool:
    """Whether a content begins like an archive, or like a pointer of LFS."""
    return content[:2] in _BEGINNINGS or content[257:262] == b"ustar"
