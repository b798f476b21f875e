"""Answers about single sources that are kept as files, for the times without a network.

Names, SEDs and facts of sources are asked every time, because the service may know more by now.
What it said last is kept, and answers where it must not or cannot be asked.
"""

from __future__ import annotations

import hashlib
import json
import random
import shutil
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import anyio

from astroquery_mmdc._config import conf
from astroquery_mmdc._files import remove_oldest, write_atomic
from astroquery_mmdc.exceptions import (
    OfflineError,
    RateLimitError,
    ResolverError,
    ServiceUnavailableError,
    StaleResultWarning,
)
from astroquery_mmdc.net import Job

if TYPE_CHECKING:
    from astroquery_mmdc.mmdc.core import MMDCClass

__all__ = ["Answers", "KeptAnswer", "answered", "answers_of", "spelled"]

_FORMAT = 1


def spelled(name: str) -> str:
    """Return a name in the one spelling that questions are kept by.

    Examples
    --------
    >>> spelled("Mrk  421 ")
    'mrk 421'
    """
    return " ".join(name.lower().split())


@dataclass(frozen=True, slots=True)
class KeptAnswer:
    """What the service said.

    Parameters
    ----------
    content : object
        Its JSON; None where it does not know the question.
    retrieved : str or None
        When, if that was before; None where it was asked just now.
    """

    content: Any
    retrieved: str | None = None

    def facts(self) -> dict[str, Any]:
        """Return what ``meta["mmdc"]`` says about it."""
        return {} if self.retrieved is None else {"from_cache": True, "retrieved": self.retrieved}


class Answers:
    """A folder of answers, one file for each question.

    Parameters
    ----------
    folder : Path
        Where; it is made when something is kept.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def put(self, kind: str, question: Mapping[str, Any], content: Any) -> None:
        """Keep an answer, in the place of an older one; a full disk does not stop the query.

        Where all take more than ``conf.answers_size``, the oldest go.
        """
        retrieved = datetime.now(UTC).isoformat(timespec="seconds")
        kept = {
            "format": _FORMAT,
            "question": dict(question),
            "retrieved": retrieved,
            "content": content,
        }
        path, content = self._path(kind, question), json.dumps(kept)
        with suppress(OSError):
            path.parent.mkdir(parents=True, exist_ok=True)
            write_atomic(path, content)
            self._make_room(len(content))

    def _make_room(self, written: int) -> None:
        limit = conf.answers_size
        # Looking through all files takes a while: it is done once for each hundredth of the limit
        # that is written, on average, by whichever process writes it.
        if limit >= 0 and random.random() * limit < 100 * written:
            remove_oldest(self._folder, limit)

    def get(self, kind: str, question: Mapping[str, Any]) -> KeptAnswer | None:
        """Return an answer; None if there is none that can be read."""
        try:
            kept = json.loads(self._path(kind, question).read_text(encoding="utf-8"))
            if kept["format"] == _FORMAT and kept["question"] == dict(question):
                return KeptAnswer(kept["content"], str(kept["retrieved"]))
        except (OSError, ValueError, KeyError, TypeError):
            return None
        return None

    def clear(self) -> None:
        """Forget everything."""
        shutil.rmtree(self._folder, ignore_errors=True)

    def _path(self, kind: str, question: Mapping[str, Any]) -> Path:
        text = json.dumps(dict(question), sort_keys=True)
        return self._folder / kind / f"{hashlib.sha256(text.encode()).hexdigest()[:32]}.json"


def answers_of(self: MMDCClass) -> Answers:
    """Return the answers of a service that are kept."""
    return Answers(self.cache_dir / "answers" / self.cache.folder.name)


async def answered(
    self: MMDCClass,
    job: Job,
    kind: str,
    question: Mapping[str, Any],
    ask: Callable[[], Awaitable[Any]],
    *,
    what: str,
) -> KeptAnswer:
    """Return the service's answer, or its last one where it must not or cannot be asked.

    Parameters
    ----------
    job : Job
        Takes the warning that an answer is from before.
    kind : str
        Kind of question, such as ``"sed"``.
    question : mapping
        Everything that the answer depends on, in JSON.
    ask : callable
        Returns an awaitable that asks the service; None as its answer is not kept.
    what : str
        What is asked for, for messages.

    Raises
    ------
    OfflineError
        ``conf.offline`` is set and it was not asked before.
    """
    answers = answers_of(self) if self.remembers(None) else None
    if conf.offline:
        kept = answers.get(kind, question) if answers else None
        if kept is None:
            msg = f"{what} is not held locally and conf.offline is set; ask for it once online"
            raise OfflineError(msg)
        return kept
    try:
        content = await ask()
    except (ServiceUnavailableError, RateLimitError, ResolverError) as err:
        kept = answers.get(kind, question) if answers and conf.stale_if_error else None
        if kept is None:
            raise
        job.warn(f"{err}; the answer of {kept.retrieved} is returned", StaleResultWarning)
        return kept
    if answers and content is not None:
        await anyio.to_thread.run_sync(answers.put, kind, question, content)
    return KeptAnswer(content)
