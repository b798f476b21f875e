"""Where files go and what they are called."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from astroquery_mmdc.exceptions import InvalidRequestError
from astroquery_mmdc.retriever import dataset
from astroquery_mmdc.retriever.paths import (
    catalogs_folder,
    configs_folder,
    escape,
    legalise,
    project_folder,
    ra_folder,
    safe_mkdir,
    unescape,
)
from astroquery_mmdc.retriever.paths import data_root as current_root


def test_a1_1_the_environment_says_where(data_root):
    assert current_root() == data_root


def test_a1_1_without_it_there_is_a_default(monkeypatch, tmp_path):
    monkeypatch.delenv("RETRIEVER_DATA")
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    assert current_root() == tmp_path / "astroquery_mmdc" / "retriever"


def test_a1_2_assigning_comes_first(monkeypatch, tmp_path):
    monkeypatch.setattr(dataset, "DATA_ROOT", str(tmp_path / "other"))
    assert current_root() == tmp_path / "other"


def test_a1_3_folders_are_made_when_they_are_asked_for(data_root):
    assert not data_root.exists()
    assert catalogs_folder() == data_root / "catalogs"
    assert configs_folder().is_dir()


@pytest.mark.parametrize("place", ["/etc/x", "/", "~/somewhere"])
def test_a1_12_folders_are_made_in_their_place_only(place, data_root):
    with pytest.raises(ValueError, match="RETRIEVER_DATA"):
        safe_mkdir(place)


def test_a1_12_no_way_out_by_dots(monkeypatch, data_root, tmp_path):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "temp"))
    with pytest.raises(InvalidRequestError):
        safe_mkdir(data_root / ".." / "elsewhere")
    assert safe_mkdir(data_root / "a" / "b").is_dir()
    monkeypatch.setenv("DATA_TEMP", str(tmp_path / "elsewhere"))
    assert safe_mkdir(tmp_path / "elsewhere" / "x").is_dir()
    assert safe_mkdir(tmp_path / "third", tmp_path / "third").is_dir()


@pytest.mark.parametrize(
    ("name", "legal"), [("a b-c", "A_B_C"), ("  ztf ", "ZTF"), ("été", "ÉTÉ"), ("_x1", "_X1")]
)
def test_a1_13_names_are_made_legal(name, legal):
    assert legalise(name) == legal


@pytest.mark.parametrize("name", ["1abc", "a/b", "", "  ", "a.b", "../x", "a\n!"])
def test_a1_13_others_are_refused(name):
    with pytest.raises(ValueError, match="name"):
        legalise(name)


def test_projects_have_a_folder_for_each_version():
    assert project_folder("my project") == "MY_PROJECT"
    assert project_folder("my project", "ab12") == "MY_PROJECT_ab12"
    assert project_folder("x", None) == "X"


@pytest.mark.parametrize(
    ("ra", "folder"),
    [(0, "RA000"), (74.9, "RA074"), (359.99999999, "RA000"), (-1, "RA359"), (360, "RA000")],
)
def test_a1_4_three_digits_of_right_ascension(ra, folder):
    assert str(ra_folder(ra)) == folder


@given(st.floats(0, 360, exclude_max=True))
def test_a1_9_finer_folders_lie_inside(ra):
    fine = ra_folder(ra, seconds=True)
    assert fine.parent == ra_folder(ra, minutes=True)
    assert fine.parent.parent == ra_folder(ra)
    degrees, minutes, seconds = (int(part.removeprefix("RA")) for part in fine.parts)
    apart = abs(degrees + minutes / 60 + seconds / 3600 - ra)
    assert min(apart, 360 - apart) <= 1.001 / 3600


@pytest.mark.parametrize("ra", [float("nan"), float("inf")])
def test_what_is_no_right_ascension(ra):
    with pytest.raises(InvalidRequestError, match="ra"):
        ra_folder(ra)


@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=30))
def test_escaped_names_are_harmless_and_come_back(name):
    if not name.strip():
        return
    import unicodedata

    escaped = escape(name)
    assert not set(escaped) & set('/\\:*?"<>|\0\n')
    assert escaped.strip(". ") == escaped
    assert unescape(escaped) == unicodedata.normalize("NFC", name)


@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=140, max_size=400))
def test_long_names_fit(name):
    if name.strip():
        assert len(escape(name).encode()) <= 150


def test_long_names_stay_different():
    first, second = ("x" * 300 + end for end in "ab")
    assert escape(first) != escape(second)
