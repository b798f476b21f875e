"""A record on disk of the jobs that were started, so that another process can take them up."""

from __future__ import annotations

import hashlib
import json
import logging
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from astroquery_mmdc._files import write_atomic

__all__ = ["Journal", "JournalEntry"]

_log = logging.getLogger(__name__)
_KEPT_SECONDS = 30 * 86400.0


@dataclass(frozen=True, slots=True)
class JournalEntry:
    """One job.

    Parameters
    ----------
    job_id : str
        The service's id.
    kind : str
        ``"sed"``, ``"legacy_sed"``, ``"fit"`` or ``"swift"``.
    service : str
        Address of the service that runs it.
    status : str
        As last seen.
    submitted : float
        Unix time of the submission.
    query : mapping
        What was asked, without any secret.
    """

    job_id: str
    kind: str
    service: str
    status: str
    submitted: float = field(default_factory=time.time)
    query: Mapping[str, Any] = field(default_factory=dict)


class Journal:
    """One small file for each job, so that processes never disturb one another.

    Parameters
    ----------
    folder : path-like
        Made on first use.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = Path(folder)

    def record(self, entry: JournalEntry) -> None:
        """Write an entry, or write it again with a new status."""
        text = json.dumps(asdict(entry), default=str, indent=1)
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            write_atomic(self._path(entry.service, entry.job_id), text)
        except OSError as err:
            # The query itself does not depend on the journal: a full disk must not stop it.
            _log.warning("job %s is not in the journal: %s", entry.job_id, err)

    def find(self, job_id: str, service: str) -> JournalEntry | None:
        """Return the entry of a job, or None."""
        return self._read(self._path(service, job_id))

    def entries(self) -> list[JournalEntry]:
        """Return all entries, newest first; entries older than 30 days are removed."""
        found = []
        for path in self.folder.glob("*.json"):
            entry = self._read(path)
            if entry is None:
                continue
            if time.time() - entry.submitted > _KEPT_SECONDS:
                path.unlink(missing_ok=True)
                continue
            found.append(entry)
        return sorted(found, key=lambda entry: entry.submitted, reverse=True)

    def _path(self, service: str, job_id: str) -> Path:
        # An id comes from a server: it is never used as a file name.
        digest = hashlib.sha256(f"{service}\n{job_id}".encode()).hexdigest()
        return self.folder / f"{digest[:32]}.json"

    def _read(self, path: Path) -> JournalEntry | None:
        try:
            return JournalEntry(**json.loads(path.read_text(encoding="utf-8")))
        except FileNotFoundError:
            return None
        except (OSError, ValueError, TypeError) as err:
            _log.warning("%s is no journal entry (%s)", path.name, err)
            return None
