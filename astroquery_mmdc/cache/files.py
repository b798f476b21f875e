"""Files that have to be on the disk before something may point at them."""

from __future__ import annotations

import hashlib
import os
import shutil
from pathlib import Path

from astroquery_mmdc._files import sync

__all__ = ["checksum", "link_or_copy", "sync_folder"]


def sync_folder(path: Path) -> None:
    """Wait until the names in a folder are on the disk."""
    if os.name == "posix":
        sync(path)


def checksum(path: Path) -> str:
    """Return the SHA-256 of a file."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def link_or_copy(source: Path, target: Path) -> None:
    """Give a file a second name; where the disk cannot do that, copy it."""
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        target.hardlink_to(source)
    except OSError:
        shutil.copyfile(source, target)
        sync(target)
