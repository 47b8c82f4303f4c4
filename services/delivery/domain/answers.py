"""What an HTTP answer means for a message: done, try later, wait for a person, or never."""

from typing import Final

from plexus.errors import ConfigurationError, Overloaded, PlexusError, Reason, Refused, Unavailable

__all__ = ["judge_answer"]

# The request itself is right or wrong in the destination's eyes; the same one cannot succeed.
_REFUSED: Final = frozenset({400, 405, 406, 409, 410, 411, 412, 413, 415, 422})
# Nobody's message is at fault: credentials or address are. All messages wait for a person. Where an
# answer points elsewhere nothing is sent: nobody has said that it may go there.
_MISCONFIGURED: Final = frozenset({301, 302, 303, 307, 308, 401, 402, 403, 404, 407})


def judge_answer(status: int, outcome_codes: tuple[str, ...] = ()) -> PlexusError | None:
    """The error that a status stands for; None for success.

    Args:
        status: HTTP status.
        outcome_codes: issue codes of an OperationOutcome in the answer (FHIR R4 issue-type); they
            are codes of a closed list, so they may be shown.
    """
    if 200 <= status < 300:
        return None
    codes = f" ({', '.join(outcome_codes)})" if outcome_codes else ""
    if status == 429:
        return Overloaded("the destination asks to slow down (HTTP 429)")
    if status in _MISCONFIGURED:
        return ConfigurationError(
            f"the destination answers HTTP {status}{codes}: check its url and token_file"
        )
    if status in _REFUSED:
        return Refused(f"the destination refused the content with HTTP {status}{codes}")
    return Unavailable(
        f"the destination failed with HTTP {status}{codes}", reason=Reason.REASON_UNAVAILABLE
    )
