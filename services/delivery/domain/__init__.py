"""What delivery decides, without I/O: who wants a message, and what an answer means."""

from services.delivery.domain.acks import OnError, judge_ack
from services.delivery.domain.answers import judge_answer
from services.delivery.domain.routing import Route, Router

__all__ = ["OnError", "Route", "Router", "judge_ack", "judge_answer"]
