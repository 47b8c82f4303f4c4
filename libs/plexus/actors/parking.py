"""A limit on parking: a bad deployment must stop, not empty the stream into the parked messages."""

from plexus.clock import Clock

__all__ = ["ParkingLimit"]


class ParkingLimit:
    """A token bucket: `per_minute` at once, and as many again each minute."""

    def __init__(self, per_minute: int, clock: Clock) -> None:
        self._per_minute = per_minute
        self._clock = clock
        self._tokens = float(per_minute)
        self._at = clock.monotonic()

    def take(self) -> bool:
        """True where one more message may be parked now."""
        now = self._clock.monotonic()
        refill = (now - self._at) * self._per_minute / 60
        self._tokens = min(float(self._per_minute), self._tokens + refill)
        self._at = now
        if self._tokens < 1:
            return False
        self._tokens -= 1
        return True
