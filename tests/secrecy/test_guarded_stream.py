"""A guarded stream leaves without a word when the one beneath it is gone."""

from pathlib import Path

from audit_lib.secrecy.guarded_stream import GuardedStream
from audit_lib.secrecy.scrub import Scrubber


def test_a_stream_over_a_closed_one_can_be_thrown_away(tmp_path: Path) -> None:
    """Closing it flushes once more: where nothing is beneath any longer, that is no error."""
    with (tmp_path / "beneath").open("w", encoding="utf-8") as beneath:
        stream = GuardedStream(Scrubber, beneath)
    stream.close()
    assert stream.closed
