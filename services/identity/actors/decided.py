"""What a steward has decided meets the index as it is by now: who has changed since is not who was meant."""

from collections.abc import Sequence

from plexus.errors import InvalidMessage, Reason
from services.identity.domain import Candidate, Index, PersonIdentifier
from services.identity.domain.index import Telling

__all__ = ["expect_decided", "take_back"]


def expect_decided(
    index: Index, subject: Sequence[Candidate], prior: Sequence[Candidate], told: Telling
) -> None:
    """Raise InvalidMessage where the message carries a decision about other persons than these."""
    decided = index.decided.get(told.message_id)
    if decided is None or told.message_id in index.carried_out:
        return
    one, other = ({each.person_id for each in side} for side in (subject, prior))
    is_one_already = one == other and len(one) == 1
    if (one, other) != ({decided[0]}, {decided[1]}) and not is_one_already:
        raise _changed()


def take_back(
    index: Index,
    subject: Sequence[PersonIdentifier],
    prior: Sequence[PersonIdentifier],
    told: Telling,
) -> tuple[str, str]:
    """Take a merge back, once: the names of `prior` lead to the person that had gone under.

    Returns:
        Who had taken over, and who stands again.

    Raises:
        InvalidMessage: no steward has decided so, or the identifiers lead to somebody else by now.
    """
    decided = index.decided.get(told.message_id)
    if decided is None:
        raise InvalidMessage(
            "only a steward takes a merge back", reason=Reason.REASON_MAPPING_FAILED
        )
    survivor, restored = decided
    if told.message_id not in index.carried_out:
        candidates = [*index.candidates(subject), *index.candidates(prior)]
        if {each.person_id for each in candidates} != {survivor}:
            raise _changed()
        names = {name for each in prior for name in each.names}
        index.unmerge(names, restored, survivor, told)
    return survivor, restored


def _changed() -> InvalidMessage:
    return InvalidMessage(
        "the persons have changed since a steward decided: look again",
        reason=Reason.REASON_IDENTIFIER_CONFLICT,
    )
