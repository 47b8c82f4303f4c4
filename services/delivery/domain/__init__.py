"""What delivery decides, without I/O: who wants a message, and what an answer means."""

from services.delivery.domain.answers import judge_answer
from services.delivery.domain.routing import Route, Router

__all__ = ["Route", "Router", "judge_answer"]
