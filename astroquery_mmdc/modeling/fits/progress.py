"""How far a fit is."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

__all__ = ["Progress", "Step"]

_PAUSE = 0.1
"""Seconds between two messages of a stage that say the same part."""


@dataclass(frozen=True, slots=True)
class Step:
    """One message of a fit.

    Parameters
    ----------
    stage : str
        ``"optimum"``, ``"posterior"`` or another word for what is done.
    part : float
        Part of the stage that is done, 0 to 1.
    elapsed : float
        Seconds since the stage began.
    """

    stage: str
    part: float
    elapsed: float

    @property
    def eta(self) -> float | None:
        """Seconds until the stage ends, as far as can be told."""
        if not 0.01 < self.part <= 1.0:
            return None
        return self.elapsed * (1.0 - self.part) / self.part


class Progress:
    """Tells a bar or a function how far a fit is.

    Parameters
    ----------
    target : bool, callable or None
        True draws a bar with the time that is left; a function is called with each `Step`.
    """

    def __init__(self, target: bool | Callable[[Step], Any] | None) -> None:
        self._call = target if callable(target) else None
        self._draws = target is True
        self._bar: Any = None
        self._stage = ""
        self._started = self._told = 0.0
        self._part = -1.0

    def __call__(self, stage: str, part: float) -> None:
        """Say what part of a stage is done."""
        now = time.monotonic()
        if stage != self._stage:
            self.close()
            self._stage, self._started = stage, now
        elif part == self._part and now - self._told < _PAUSE:
            return
        self._part, self._told = part, now
        if self._call is not None:
            self._call(Step(stage, part, now - self._started))
        if self._draws:
            self._draw(stage, part)

    def _draw(self, stage: str, part: float) -> None:
        if self._bar is None:
            from tqdm import tqdm

            form = "{l_bar}{bar}| {elapsed}, {remaining} left"
            self._bar = tqdm(total=100, desc=stage, bar_format=form)
        self._bar.update(100.0 * part - self._bar.n)

    def close(self) -> None:
        """End the bar."""
        if self._bar is not None:
            self._bar.close()
            self._bar = None
