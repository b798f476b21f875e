from __future__ import annotations

import os
import stat

import pytest

from astroquery_mmdc._files import atomic_path, path_ending, remove_oldest, write_atomic
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


@pytest.mark.parametrize(
    ("endings", "known"),
    [
        ((".pdf",), "with .pdf; name it a.pdf"),
        ((".png", ".svg", ".pdf"), "with .png, .svg or .pdf"),
    ],
)
def test_a_wrong_ending_is_named_with_the_right_ones(endings, known):
    assert path_ending("~/a.PDF", endings).is_absolute()
    for name in ("a.txt", "a"):
        with pytest.raises(InvalidRequestError, match=f"path: '{name}' does not end {known}"):
            path_ending(name, endings)


def test_the_oldest_files_make_room_until_a_tenth_is_free(tmp_path):
    for number in range(10):
        path = tmp_path / f"{number}"
        path.write_bytes(bytes(100))
        os.utime(path, (number, number))
    (tmp_path / "below").mkdir()
    (tmp_path / "9").rename(tmp_path / "below" / "9")
    assert remove_oldest(tmp_path, 1000) == 1000
    assert remove_oldest(tmp_path, 999) == 800
    assert {path.name for path in tmp_path.rglob("*") if path.is_file()} == set("23456789")
    assert remove_oldest(tmp_path / "nowhere", 5) == 0
