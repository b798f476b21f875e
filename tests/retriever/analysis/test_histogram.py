from __future__ import annotations

import numpy as np
import pytest
import xarray
from hypothesis import given
from hypothesis import strategies as st

from astroquery_mmdc.exceptions import InvalidRequestError, ParseError
from astroquery_mmdc.retriever.axes import axis_of
from astroquery_mmdc.retriever.histogram import Histogram, merged

SETTINGS = {
    "score_names": ["snr", "dmag"],
    "score_coords": {"snr": (-5, 5, 0.5), "dmag": (-1, 0.25)},
    "source_coords": {"mag": (15, 21, 0.5)},
    "obs_coords": {"exptime": (30, 1), "filter": ()},
}


def columns(size, seed=0):
    rng = np.random.default_rng(seed)
    return {
        "snr": rng.normal(0, 3, size),
        "dmag": rng.normal(0, 0.5, size),
        "mag": rng.uniform(14, 22, size),
        "exptime": rng.choice([28.0, 30.0, 33.0], size),
        "filter": rng.choice(["g", "r", "i"], size),
    }


def filled(size=50, seed=0):
    histogram = Histogram(**SETTINGS)
    histogram.add_data(columns(size, seed))
    return histogram


def part_of(data, rows):
    return {name: values[rows] for name, values in data.items()}


def test_a9_7_counts_agree_with_numpy():
    data = columns(500)
    histogram = filled(500)
    mag, exptime = np.arange(14.75, 21.5, 0.5), np.arange(27.5, 34)
    snr = np.arange(-5.25, 5.5, 0.5)
    for place, name in enumerate(["g", "i", "r"]):
        part = part_of(data, data["filter"] == name)
        expected, _ = np.histogramdd(
            [part["mag"], part["exptime"], part["snr"]], bins=[mag, exptime, snr]
        )
        np.testing.assert_array_equal(histogram.counts("snr")[:, :, place], expected)


def test_a9_7_what_is_outside_of_the_limits_is_counted_apart():
    data = columns(500)
    histogram = filled(500)
    assert histogram.underflow["mag"] == np.count_nonzero(data["mag"] < 14.75)
    assert histogram.overflow["mag"] == np.count_nonzero(data["mag"] >= 21.25)
    assert histogram.underflow["snr"] == np.count_nonzero(data["snr"] < -5.25)
    assert histogram.overflow["dmag"] == histogram.underflow["exptime"] == 0
    assert histogram.num_scores == {"snr": 500, "dmag": 500}


def test_a9_7_axes_grow_by_whole_steps():
    histogram = filled()
    assert histogram.axes["exptime"].centres.tolist() == [28, 29, 30, 31, 32, 33]
    histogram.add_data({"snr": 0.0, "dmag": 0.0, "mag": 18.0, "exptime": 25.2, "filter": "z"})
    assert histogram.axes["exptime"].centres.tolist() == list(range(25, 34))
    assert histogram.axes["filter"].labels == ("g", "i", "r", "z")
    assert histogram.counts("snr").shape == (13, 9, 4, 21)


def test_a9_7_what_is_no_number_is_left_out():
    histogram = Histogram(**SETTINGS)
    histogram.add_data(
        {"snr": [np.nan, 1.0], "dmag": [0.0, 0.0], "mag": 18, "exptime": 30.0, "filter": "g"}
    )
    assert histogram.get_sum_scores("snr") == 1
    assert histogram.get_sum_scores("dmag") == 2
    assert histogram.get_sum_scores() == 3
    assert histogram.num_scores == {"snr": 1, "dmag": 2}


def test_a9_7_values_come_from_data_source_and_metadata(quiet):
    class Source:
        name, mag = "s", 17.0

    histogram = Histogram(**{**SETTINGS, "score_names": ["dmag"]})
    lightcurve = quiet()  # with a magnitude of its own for each epoch, which is not the source's
    histogram.add_data(lightcurve, Source(), {"unused": 1})
    assert histogram.cells["dmag"].total == 100
    occupied = histogram.data.dmag_counts.sum(["exptime", "filter", "dmag"])
    assert occupied.sel(mag=17.0) == 100
    with pytest.raises(InvalidRequestError, match="snr"):
        Histogram(score_names=["snr"]).add_data({"mag": [1.0]})


def test_a9_7_a_source_is_counted_once_where_that_is_asked_for():
    histogram = Histogram(**SETTINGS, raise_on_repeat_source=True)
    histogram.add_data(columns(5), {"name": "a"})
    with pytest.raises(InvalidRequestError, match="counted before"):
        histogram.add_data(columns(5), {"name": "a"})
    assert (
        histogram.get_sum_scores("dmag")
        == 5 - histogram.underflow["mag"] - (histogram.overflow["mag"])
    )
    with pytest.raises(InvalidRequestError, match="counted in both"):
        histogram + histogram


@given(
    st.lists(st.tuples(st.integers(0, 2), st.integers(0, 30)), min_size=0, max_size=30),
    st.integers(0, 10),
)
def test_a9_8_sums_are_the_same_in_any_order_and_any_parts(parts, seed):
    """Data handed out to three histograms, added in two orders, against one that got it all."""
    data = columns(31, seed)
    three, whole = [Histogram(**SETTINGS) for _ in range(3)], Histogram(**SETTINGS)
    for which, row in parts:
        three[which].add_data(part_of(data, [row]))
        whole.add_data(part_of(data, [row]))
    first, second, third = three
    one = (first + second) + third
    other = third + (second + first)
    assert one == other == whole
    for score in ("snr", "dmag"):
        np.testing.assert_array_equal(one.counts(score), whole.counts(score))


def test_a9_8_adding_leaves_the_summands_as_they_are():
    one, two = filled(seed=1), filled(seed=2)
    before = one.to_bytes(), two.to_bytes()
    total = one + two
    assert (one.to_bytes(), two.to_bytes()) == before
    one += two
    assert one == total
    assert two.to_bytes() == before[1]


def test_a9_8_other_axes_cannot_be_added():
    other = Histogram(**{**SETTINGS, "source_coords": {"mag": (15, 21, 1.0)}})
    with pytest.raises(InvalidRequestError, match="mag"):
        filled() + other
    with pytest.raises(InvalidRequestError, match="they must agree"):
        filled() + Histogram(**{**SETTINGS, "source_coords": {}})
    with pytest.raises(TypeError):
        filled() + 1


def test_a9_8_many_histograms_by_name():
    one, two = {"a": filled(seed=1)}, {"a": filled(seed=2), "b": filled(seed=3)}
    total = merged(one, two)
    assert total["a"] == one["a"] + two["a"]
    assert total["b"] == two["b"]


@given(st.integers(0, 40), st.integers(0, 10))
def test_bytes_lead_back(size, seed):
    histogram = filled(size, seed) if size else Histogram(**SETTINGS)
    again = Histogram.from_bytes(histogram.to_bytes())
    assert again == histogram
    assert again.pars.compare(histogram.pars, ignore=["cfg_file"])
    again += histogram
    assert again == histogram + histogram


def test_a_batch_takes_few_bytes():
    assert len(filled(1000).to_bytes()) < 10_000


@pytest.mark.parametrize(
    "change", [lambda b: b[:-20], lambda b: b"x" + b, lambda b: b[:40] + b[50:]]
)
def test_damaged_bytes_are_an_error(change):
    with pytest.raises(ParseError, match="content"):
        Histogram.from_bytes(change(filled().to_bytes()))


def test_a9_7_netcdf_leads_back_and_is_an_ordinary_file(tmp_path):
    histogram, path = filled(200), tmp_path / "histograms_all_scores.nc"
    histogram.save(path)
    assert Histogram.from_netcdf(path) == histogram
    loaded = Histogram()
    loaded.load(path)
    assert loaded == histogram
    with xarray.open_dataset(path, engine="h5netcdf") as dataset:
        assert dataset.snr_counts.dims == ("mag", "exptime", "filter", "snr")
        assert dataset.snr_counts.dtype == np.uint32
        assert dataset.mag.attrs["overflow"] == histogram.overflow["mag"]
        assert dataset.exptime.attrs["type"] == "dynamic"
        assert dataset.attrs["name"] == histogram.pars.name
    assert [each.name for each in tmp_path.iterdir()] == [path.name]


def test_an_empty_histogram_can_be_written(tmp_path):
    histogram = Histogram(**SETTINGS)
    histogram.save(tmp_path / "empty.nc")
    assert Histogram.from_netcdf(tmp_path / "empty.nc") == histogram


def test_many_sources_fit_into_a_file(tmp_path):
    histogram = Histogram(**SETTINGS, raise_on_repeat_source=True)
    histogram.source_names = {f"a source with a long name {number}" for number in range(10_000)}
    histogram.save(tmp_path / "many.nc")
    assert Histogram.from_netcdf(tmp_path / "many.nc") == histogram


def test_a_file_agrees_with_the_dataset(tmp_path):
    histogram = filled(100)
    histogram.save(tmp_path / "h.nc")
    with xarray.open_dataset(tmp_path / "h.nc", engine="h5netcdf") as dataset:
        read = dataset.drop_vars("header").load()
    assert read.equals(histogram.data)
    assert {name: dict(read[name].attrs) for name in read.coords} == {
        name: dict(histogram.data[name].attrs) for name in histogram.data.coords
    }


def test_damaged_files_are_an_error(tmp_path):
    path = tmp_path / "h.nc"
    with pytest.raises(FileNotFoundError):
        Histogram.from_netcdf(path)
    path.write_bytes(b"\x89HDF\r\n\x1a\nnothing")
    with pytest.raises(ParseError, match="no histogram"):
        Histogram.from_netcdf(path)


def test_counts_that_do_not_fit_are_an_error():
    histogram = Histogram(dtype="uint8", score_names=["snr"], source_coords={}, obs_coords={})
    histogram.add_data({"snr": np.zeros(300)})
    with pytest.raises(InvalidRequestError, match="uint64"):
        histogram.counts("snr")


def test_sizes():
    histogram = filled(500)
    cells = 13 * 6 * 3 * (21 + histogram.score_axes["dmag"].size)
    assert histogram.get_size("bytes") == 4 * cells
    assert histogram.get_size_estimate("bytes") > histogram.get_size("bytes")
    assert "snr" in repr(histogram)


@pytest.mark.parametrize(
    "spec", [(1,), (1, 2, 3, 4), (0, 10, -1), (0, 0), (5, 1, 1), (0, np.inf, 1)]
)
def test_axes_that_are_none(spec):
    with pytest.raises(InvalidRequestError, match="mag"):
        axis_of("mag", spec)


def test_a_value_beyond_reason_does_not_fill_the_memory():
    histogram = Histogram(**SETTINGS)
    row = {"snr": 0.0, "dmag": 0.0, "mag": 18.0, "filter": "g"}
    histogram.add_data({**row, "exptime": 30.0})
    with pytest.raises(InvalidRequestError, match="exptime"):
        histogram.add_data({**row, "exptime": 1e12})
    histogram.add_data({**row, "exptime": 1e8})
    with pytest.raises(InvalidRequestError, match="too large"):
        histogram.counts("snr")


def test_settings_that_will_not_do():
    with pytest.raises(InvalidRequestError, match="score_coords"):
        Histogram(score_names=["unheard_of"])
    with pytest.raises(InvalidRequestError, match="dtype"):
        Histogram(dtype="float32")


def test_a_unit_may_follow_the_numbers():
    axis = axis_of("exptime", (30, 1, "s"))
    assert (axis.unit, axis.kind) == ("s", "dynamic")
    assert axis_of("filter", ("",)).kind == "text"


@pytest.mark.parametrize("size", [1, 3, 16, 17, 40])
def test_words_find_their_bins_however_many_there_are(size):
    rng = np.random.default_rng(size)
    words = rng.permutation([f"w{number:02d}" for number in range(size)] * 3)
    axis = axis_of("filter", ()).grown(words[: size // 2]).grown(words)
    assert axis.labels == tuple(sorted(set(words.tolist())))
    assert [axis.labels[place] for place in axis.bins(words)] == words.tolist()
