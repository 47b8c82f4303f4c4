"""A WHERE clause that grows with what is asked. Its texts are constants, its values parameters."""

__all__ = ["Conditions"]


class Conditions:
    """What a question restricts itself to.

    Attributes:
        values: of the parameters, in order.
    """

    def __init__(self) -> None:
        self.values: list[object] = []
        self._texts: list[str] = []

    def add(self, text: str, value: object) -> None:
        """Restrict, unless `value` is None or empty text. `{}` stands for the value."""
        if value is None or value == "":
            return
        self.values.append(value)
        self._texts.append(text.format(f"${len(self.values)}"))

    def within(self, text: str) -> str:
        """A statement whose first `{}` is the clause, and its second the parameter that follows."""
        clause = f" WHERE {' AND '.join(self._texts)}" if self._texts else ""
        return text.format(clause, f"${len(self.values) + 1}")
