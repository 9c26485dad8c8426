"""Whether a text is made of words, as a name is, or of signs that were drawn, as a piece of a value is."""

import re

PARTS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+|[^A-Za-z\d]+")
# The most frequent pairs of letters in English: four in five of a word's, one in five of random text.
_PAIRS = frozenset(
    re.findall(
        "..",
        (
            "thheineranreonatenndtiesorteofedisitalarsttontngsehaasouiolevecomedehiriroicneearacelichllbemasi"
            "omurcaeltalansdifohopeecprnoctusacotiltrlyncetutsssorsunlowageiewheewiemadolrtpowenaulnitsmoowpa"
            "immiaishirsuidosiviaamficivipligtuevldrympfeblabghtyopwosaayexkefrooavagifapgrodbosprddoucbueiov"
            "byrmepttocfaefcurnscgidayocrcldugaffckeyssppdb"
        ),
    )
)
_PAIRS_TO_TELL = 9  # of fewer nothing follows
_LEAST_OF_WORDS = 0.4
SHORTEST_PIECE = 8  # characters; a shorter one is met by chance, and says little of a value
# Words of names that are no longer, and count as long as others.
_SHORT_WORDS = frozenset({"api", "aws", "db", "id", "ids", "jwt", "key", "keys", "uri", "url"})
_WORD = 4  # signs that such a word counts
_MEAN, _MEAN_OF_ONE_CASE = 3, 2.5  # signs in a part of a name, at least; of a drawn text 1.6
_PAIRS_IF_MIXED, _LEAST_OF_NAMES = 3, 0.3  # acronyms have few of these pairs


def is_of_no_language(value: str) -> bool:
    """Whether too few of a value's pairs of letters are those of words, as if the letters were drawn."""
    common, pairs = pairs_of(value)
    return pairs >= _PAIRS_TO_TELL and common < _LEAST_OF_WORDS * pairs


def pairs_of(value: str) -> tuple[int, int]:
    """How many pairs of letters are frequent in words, and of how many."""
    parts = [part.lower() for part in PARTS.findall(value) if part.isalpha()]
    pairs = [part[at : at + 2] for part in parts for at in range(len(part) - 1)]
    return sum(pair in _PAIRS for pair in pairs), len(pairs)


def could_be_a_piece(name: str) -> bool:
    """Whether a text in a name's place is more likely a piece of a generated value.

    Letters, digits and both cases change in such a piece at every second sign, and its letters are not those
    of words. What is shorter than eight characters is none. It takes few names for pieces, and pieces for
    names.
    """
    return any(map(_is_drawn, name.split(".")))  # no alphabet of generators has a dot


def _is_drawn(text: str) -> bool:
    if len(text) < SHORTEST_PIECE:
        return False
    common, pairs = pairs_of(text)
    of_no_words = common < _LEAST_OF_NAMES * pairs
    if re.search("[a-z]", text) and re.search("[A-Z]", text):
        return _mean_part(text) < _MEAN or (pairs >= _PAIRS_IF_MIXED and of_no_words)
    # Generators that use one case use no sign: what is between the signs of a name has to be long enough.
    longest = max(re.split("[_-]", text), key=len)
    numbers = len(re.findall(r"\d+", longest))
    if len(longest) >= SHORTEST_PIECE and numbers > 1 and _mean_part(longest) < _MEAN_OF_ONE_CASE:
        return True
    return pairs >= _PAIRS_TO_TELL and of_no_words


def _mean_part(text: str) -> float:
    parts = [part for part in PARTS.findall(text) if part.isalnum()]
    signs = (max(len(part), _WORD) if part.lower() in _SHORT_WORDS else len(part) for part in parts)
    return sum(signs) / max(1, len(parts))
