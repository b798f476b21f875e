"""What the names in a pickle stand for here: records of what was said, never the real classes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NoReturn

from astroquery_mmdc.exceptions import ParseError
from astroquery_mmdc.mmoda.limits import Budget

__all__ = ["Name", "Pending", "Said", "refuse", "settled"]


def refuse(what: str) -> NoReturn:
    """Raise the error that names what was refused."""
    msg = f"refused: {what}"
    raise ParseError(msg)


@dataclass(frozen=True, slots=True)
class Name:
    """A name of the closed world.

    ``make`` answers a call with a value or a `Pending` one; ``begin`` is there for classes of
    arrays, whose content comes later.
    """

    module: str
    name: str
    make: Callable[[tuple[Any, ...], Budget], Any] | None = None
    begin: Callable[[], Pending] | None = None

    @property
    def path(self) -> str:
        """Module and name."""
        return f"{self.module}.{self.name}"

    def call(self, args: Any, budget: Budget) -> Any:
        """Return what a call of this name stands for."""
        if self.make is None or not isinstance(args, tuple):
            refuse(f"a call of {self.path}")
        return self.make(args, budget)


class Pending:
    """A value that was begun; its state comes later in the pickle."""

    __slots__ = ("value",)

    def __init__(self) -> None:
        self.value: Any = None

    def build(self, state: Any, budget: Budget) -> None:
        """Fill in the value from its state."""
        refuse(f"a state for {type(self).__name__}")


class Said(Pending):
    """An object of which only the words are kept: its class, arguments and state."""

    __slots__ = ("args", "name", "state")

    def __init__(self, name: str, args: tuple[Any, ...]) -> None:
        super().__init__()
        self.name = name
        self.args = args
        self.state: dict[str, Any] = {}
        self.value = self

    def build(self, state: Any, budget: Budget) -> None:
        """Keep the state."""
        if not isinstance(state, dict):
            refuse(f"the state of a {self.name}, which is no dictionary")
        self.state = state


def settled(value: Any) -> Any:
    """Return the value behind a placeholder."""
    return value.value if isinstance(value, Pending) else value
