"""What somebody has said of two identifiers: that they are of two persons. It beats every score.

It holds as long as the records of both say the same in what a person does not change lightly: names, birth
date, sex, national numbers. A new address raises nothing again; a corrected birth date may.
"""

import hashlib
import json
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import NamedTuple

from services.identity.domain.identifiers import Name
from services.identity.domain.normalisation import Features

__all__ = ["Assertion", "Assertions", "said"]


class Assertion(NamedTuple):
    """Two identifiers that are of two persons. `one` is the lesser.

    Attributes:
        said: digest of what the records of `one` said, and `other_said` of the other's.
    """

    one: Name
    other: Name
    said: bytes
    other_said: bytes


def said(records: Iterable[Features]) -> bytes:
    """16 bytes that change where the records of an identifier materially say something else.

    Another source that says the same changes nothing.
    """
    texts = sorted({
        json.dumps([each.names, each.birth_date, each.sex, each.national_ids]) for each in records
    })  # fmt: skip
    return hashlib.blake2b("\x1e".join(texts).encode(), digest_size=16).digest()


class Assertions:
    """What has been said of the identifiers that a batch works on."""

    def __init__(self, assertions: Iterable[Assertion] = ()) -> None:
        self._said: Mapping[tuple[Name, Name], tuple[bytes, bytes]] = {
            (each.one, each.other): (each.said, each.other_said) for each in assertions
        }

    def keep_apart(
        self, ones: Collection[Name], others: Collection[Name], says: Callable[[Name], bytes]
    ) -> bool:
        """Whether somebody has said that a name of each side are of two persons, and that still holds.

        Args:
            ones: names of the one person.
            others: of the other.
            says: what the records of a name say now, as `said` tells it.
        """
        if not self._said:
            return False
        for one in ones:
            for other in others:
                lesser, greater = (one, other) if one < other else (other, one)
                known = self._said.get((lesser, greater))
                if known is not None and known == (says(lesser), says(greater)):
                    return True
        return False
