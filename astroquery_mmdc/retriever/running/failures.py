"""What went wrong with single sources, and when it is too much to go on."""

from __future__ import annotations

import traceback
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from astroquery_mmdc.exceptions import MMDCError

__all__ = ["Failure", "FailureLimits", "RunStoppedError"]


class RunStoppedError(MMDCError):
    """A run ended before all sources were done; what was finished is committed."""


@dataclass(frozen=True, slots=True)
class Failure:
    """A step that failed for a source.

    Parameters
    ----------
    name : str
        The source.
    observatory : str
        Empty where the step is about all of them.
    step : {"fetch", "reduce", "analyse"}
        What was being done.
    error : str
        Type and message, in one line.
    traceback : str
        Where it happened.
    """

    name: str
    observatory: str
    step: str
    error: str
    traceback: str = ""

    @classmethod
    def of(cls, error: BaseException, name: str, step: str, observatory: str = "") -> Failure:
        """Return the failure that an exception means."""
        lines = "".join(traceback.format_exception(error))
        return cls(name, observatory, step, f"{type(error).__name__}: {error}", lines)

    def to_row(self) -> dict[str, Any]:
        """Return the row of the database."""
        return {
            "source_name": self.name,
            "observatory": self.observatory,
            "step": self.step,
            "error": self.error,
            "traceback": self.traceback,
        }


@dataclass(slots=True)
class FailureLimits:
    """Counts failures, and says when there are too many.

    Parameters
    ----------
    total : int
        More than that are too many.
    in_sequence : int
        So are more than that in one step without a success in between.
    """

    total: int = 100
    in_sequence: int = 10
    count: int = field(default=0, init=False)
    _in_sequence: Counter[str] = field(default_factory=Counter, init=False)

    def succeeded(self, step: str) -> None:
        """Count a step that went well."""
        self._in_sequence[step] = 0

    def failed(self, step: str) -> None:
        """Count a step that failed."""
        self.count += 1
        self._in_sequence[step] += 1

    @property
    def reason(self) -> str | None:
        """Why to stop, None to go on."""
        if self.count > self.total:
            return f"{self.count} failures; max_num_total_exceptions is {self.total}"
        for step, count in self._in_sequence.items():
            if count > self.in_sequence:
                return (
                    f"{count} sources one after the other failed to {step}; "
                    f"max_num_sequence_exceptions is {self.in_sequence}"
                )
        return None
