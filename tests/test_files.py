from __future__ import annotations

import os
import stat

import pytest

from astroquery_mmdc._files import atomic_path, write_atomic
from astroquery_mmdc.exceptions import InvalidRequestError


def test_a_file_appears_whole_and_can_be_read_by_others(tmp_path):
    old = os.umask(0o022)
    try:
        path = write_atomic(tmp_path / "a.txt", "hello")
    finally:
        os.umask(old)
    assert path.read_text() == "hello"
    assert stat.S_IMODE(path.stat().st_mode) == 0o644


def test_an_error_leaves_the_old_file_and_nothing_else(tmp_path):
    path = write_atomic(tmp_path / "a.txt", "old")

    def write():
        with atomic_path(path) as temporary:
            temporary.write_text("half")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        write()
    assert path.read_text() == "old"
    assert [found.name for found in tmp_path.iterdir()] == ["a.txt"]


def test_an_existing_file_is_replaced_only_if_allowed(tmp_path):
    path = write_atomic(tmp_path / "a.txt", "old")
    with pytest.raises(InvalidRequestError, match="overwrite=True"):
        write_atomic(path, "new", overwrite=False)
    assert write_atomic(path, b"new").read_text() == "new"


def test_a_folder_that_is_not_there(tmp_path):
    with pytest.raises(FileNotFoundError):
        write_atomic(tmp_path / "no" / "a.txt", "x")
