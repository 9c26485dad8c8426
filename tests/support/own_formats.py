"""A file of log formats of one's own, of one line alone."""

from pathlib import Path

OWN_FORMATS = Path(__file__).with_suffix(".toml").read_text("utf-8")
