"""Settings of identity."""

import pydantic

from plexus.settings import Section, ServiceSettings

__all__ = ["IdentitySettings", "MatchingSection"]


class IdentitySettings(ServiceSettings):
    """What identity needs beyond what all services need."""

    audit_address: str = "127.0.0.1:7101"
    """gRPC address of audit, which records who reads what of whom before it is told."""

    batch: int = pydantic.Field(default=128, ge=1, le=2000)
    """Most messages of one turn batch. Smaller than elsewhere: a batch of new patients locks each of
    their identifiers, about three locks a message, in PostgreSQL's one lock table
    (max_locks_per_transaction times max_connections; 6,400 locks by default), and holds them until it
    commits."""


class MatchingSection(Section):
    """How one tenant matches by demographics, as `matching` of the mesh document lists it.

    A tenant that is not listed matches with the defaults.
    """

    tenant: str = pydantic.Field(pattern=r"^[a-z0-9-]{1,40}$")
    """The tenant."""

    enabled: bool = True
    """False: persons are found by identifiers only, and nothing is kept for comparison."""

    match_bits: float = pydantic.Field(default=7.0, ge=0, le=60)
    """From this score on a record is linked by itself. 7 bits are 128 to 1; each bit more halves the
    wrong links, and leaves more to look at."""

    review_bits: float = pydantic.Field(default=0.0, ge=-60, le=60)
    """From this score on, and below `match_bits`, the record gets a person of its own and somebody
    should look at the pair. Equal to `match_bits`: nothing is for review by its score alone."""

    population: int = pydantic.Field(default=1_000_000, ge=1, le=1_000_000_000)
    """How many source records there are, or will be: the more, the less likely any one of them is
    somebody's other record. For the weights that ship; trained ones know. A setting and no count, so that
    messages that are taken in again come to the same persons, in whatever order."""

    four_eyes_records: int = pydantic.Field(default=10, ge=0, le=100_000)
    """A merge by a steward that concerns so many source records, both persons together, needs a second
    steward who agrees. 0: none ever does."""

    @pydantic.model_validator(mode="after")
    def _in_order(self) -> "MatchingSection":
        if self.review_bits > self.match_bits:
            raise ValueError("review_bits must not be above match_bits")
        return self
