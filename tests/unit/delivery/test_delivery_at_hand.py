"""Events at hand: a bounded copy, the oldest ones give way."""

from services.delivery.actors.waiting import EventsAtHand


def test_the_oldest_events_give_way_to_the_bound() -> None:
    at_hand = EventsAtHand(most_bytes=10)
    for name in ("a", "b", "c"):
        at_hand.keep(name, 1, name.encode() * 4)
    assert at_hand.get("a", 1) is None
    assert at_hand.get("b", 1) == b"bbbb"
    assert at_hand.get("c", 1) == b"cccc"


def test_what_was_dropped_or_told_twice_counts_once() -> None:
    at_hand = EventsAtHand(most_bytes=10)
    at_hand.keep("a", 1, b"aaaaaa")
    at_hand.keep("a", 1, b"another event")
    at_hand.drop("unknown", 1)
    at_hand.keep("b", 1, b"bbbb")
    assert at_hand.get("a", 1) == b"aaaaaa"
    at_hand.drop("a", 1)
    at_hand.keep("c", 1, b"cccccc")
    assert at_hand.get("b", 1) == b"bbbb"


def test_an_event_beyond_the_bound_is_not_kept() -> None:
    at_hand = EventsAtHand(most_bytes=3)
    at_hand.keep("a", 1, b"aaaa")
    assert at_hand.get("a", 1) is None
    at_hand.keep("b", 1, b"bbb")
    assert at_hand.get("b", 1) == b"bbb"
