"""`Histogram`: how much data of which quality was looked at, additive over sessions."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import NDArray

from astroquery_mmdc.exceptions import InvalidRequestError
from astroquery_mmdc.retriever import histogram_io
from astroquery_mmdc.retriever.axes import MISSING, OUTSIDE_HIGH, OUTSIDE_LOW, Axis, axis_of, joined
from astroquery_mmdc.retriever.cells import Cells
from astroquery_mmdc.retriever.parameters import Parameters

if TYPE_CHECKING:
    import xarray

__all__ = ["Histogram", "ParsHistogram", "merged"]

_BYTES_PER_UNIT = {"bytes": 1, "kB": 10**3, "MB": 10**6, "GB": 10**9}
_GROWING_GUESS = 10


class ParsHistogram(Parameters):
    """Settings of a `Histogram`."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.name = self.add_par("name", "", str, "Name of the histogram")
        self.dtype = self.add_par("dtype", "uint32", str, "Type of the counts in arrays and files")
        self.score_names = self.add_par(
            "score_names", ["snr", "dmag"], list, "Scores, each counted over the common axes"
        )
        self.score_coords = self.add_par(
            "score_coords",
            {"snr": (-20, 20, 0.1), "dmag": (-3, 3, 0.1), "offset": (-5, 5, 0.1)},
            dict,
            "Axis of each score: (start, stop, step), (start, step) or ()",
        )
        self.source_coords = self.add_par(
            "source_coords", {"mag": (15, 21, 0.5)}, dict, "Axes of values of the source"
        )
        self.obs_coords = self.add_par(
            "obs_coords", {"exptime": (30, 1), "filter": ()}, dict, "Axes of values of epochs"
        )
        self.raise_on_repeat_source = self.add_par(
            "raise_on_repeat_source",
            False,
            bool,
            "Whether to remember the sources and refuse those counted already",
        )

    @classmethod
    def get_default_cfg_key(cls) -> str:
        """Return the key of the configuration file that is read."""
        return "histograms"


class Histogram:
    """Counts of scores in cells of magnitude, exposure time, filter, or whatever else.

    Parameters
    ----------
    **kwargs
        Values of `ParsHistogram`. Set them before the first data: `initialize` begins anew.

    Notes
    -----
    Only occupied cells are kept, so that its size follows the data and not the axes. Histograms
    with the same settings can be added, in any order, with the same result.

    Examples
    --------
    >>> one = Histogram(score_names=["snr"], source_coords={}, obs_coords={"filter": ()})
    >>> two = Histogram(score_names=["snr"], source_coords={}, obs_coords={"filter": ()})
    >>> one.add_data({"snr": [0.0, 1.0], "filter": ["r", "r"]})
    >>> two.add_data({"snr": [0.0], "filter": ["g"]})
    >>> both = one + two
    >>> both.axes["filter"].labels, both.get_sum_scores("snr")
    (('g', 'r'), 3)
    """

    def __init__(self, **kwargs: Any) -> None:
        self.pars = ParsHistogram(**kwargs)
        self.initialize()

    def initialize(self) -> None:
        """Forget all data and take the axes from the parameters."""
        pars = self.pars
        common = {**pars.source_coords, **pars.obs_coords}
        missing = [name for name in pars.score_names if name not in pars.score_coords]
        if missing or np.dtype(pars.dtype).kind not in "ui":
            name, value = ("score_coords", missing) if missing else ("dtype", pars.dtype)
            msg = f"{name}: {value} will not do; give an axis for each score, and a type of integer"
            raise InvalidRequestError(msg, parameter=name)
        self.axes: dict[str, Axis] = {key: axis_of(key, spec) for key, spec in common.items()}
        self.score_axes = {key: axis_of(key, pars.score_coords[key]) for key in pars.score_names}
        self.cells = {key: Cells.empty(len(common) + 1) for key in self.score_axes}
        self.underflow = dict.fromkeys((*self.axes, *self.score_axes), 0)
        self.overflow = dict.fromkeys((*self.axes, *self.score_axes), 0)
        self.num_scores = dict.fromkeys(self.score_axes, 0)
        self.source_names: set[str] = set()

    def add_data(self, data: Any, source: Any = None, altdata: Any = None) -> None:
        """Count the epochs of a table.

        Parameters
        ----------
        data : LightCurve, structured array, table, or mapping of columns
            One row per epoch, with the scores.
        source : mapping or object, optional
            What the axes of ``source_coords`` take, and others that are no columns, as keys or
            attributes; its ``name`` is remembered where repeated sources are refused.
        altdata : mapping, optional
            What neither has.

        Raises
        ------
        InvalidRequestError
            An axis is nowhere to be found, or the source was counted before.

        Notes
        -----
        Values beyond an axis with limits are not in any cell, but in ``underflow`` and
        ``overflow`` of that axis. Values that are not numbers are left out.
        """
        self._note_source(source)
        of_epochs, of_source = (data, source, altdata), (source, altdata, data)
        scores = {name: np.atleast_1d(_found(name, of_epochs)) for name in self.score_axes}
        size = max((values.size for values in scores.values()), default=0)
        common = {
            name: _found(name, of_source if name in self.pars.source_coords else of_epochs)
            for name in self.axes
        }
        common = {name: np.broadcast_to(values, size) for name, values in common.items()}
        for name, values in common.items():
            self._grow(name, values)
        common_bins = [self._counted(axis, common[name]) for name, axis in self.axes.items()]
        for name, values in scores.items():
            self._add_score(name, np.broadcast_to(values, size), common_bins)

    def _note_source(self, source: Any) -> None:
        name = _value(source, "name")
        if not self.pars.raise_on_repeat_source or name is None:
            return
        if name in self.source_names:
            msg = f"source: {name!r} was counted before; leave it out, or begin a new histogram"
            raise InvalidRequestError(msg, parameter="source")
        self.source_names = self.source_names | {str(name)}

    def _grow(self, name: str, values: NDArray[Any]) -> None:
        grown = self.axes[name].grown(values)
        self._take_axis(name, grown)

    def _take_axis(self, name: str, grown: Axis) -> None:
        """Take an axis with more bins; the words before them get other numbers."""
        before = self.axes[name]
        self.axes[name] = grown
        if grown.kind == "text" and grown.labels != before.labels and before.labels:
            numbers = np.searchsorted(grown.labels, before.labels).astype(np.int64)
            dimension = list(self.axes).index(name)
            self.cells = {
                score: cells.renumbered(dimension, numbers) for score, cells in self.cells.items()
            }

    def _counted(self, axis: Axis, values: NDArray[Any]) -> NDArray[np.int64]:
        """Return the bins of values, and count those outside of the limits."""
        bins = axis.bins(values)
        if bins.size and bins.min() < 0:
            self.underflow[axis.name] += int(np.count_nonzero(bins == OUTSIDE_LOW))
            self.overflow[axis.name] += int(np.count_nonzero(bins == OUTSIDE_HIGH))
        return bins

    def _add_score(
        self, name: str, values: NDArray[Any], common_bins: Sequence[NDArray[np.int64]]
    ) -> None:
        axis = self.score_axes[name] = self.score_axes[name].grown(values)
        score_bins = self._counted(axis, values)
        self.num_scores[name] += int(np.count_nonzero(score_bins != MISSING))
        bins = np.stack([*common_bins, score_bins])
        bins = bins[:, bins.min(axis=0) >= 0]
        # From the start of the axes, so that the numbers stay when an axis grows.
        bins += np.array([[each.first] for each in (*self.axes.values(), axis)])
        self.cells[name] = self.cells[name] + Cells.of(bins)

    # ---------------------------------------------------------------- adding

    def __add__(self, other: Histogram) -> Histogram:
        if not isinstance(other, Histogram):
            return NotImplemented
        total = self.copy()
        total += other
        return total

    def __iadd__(self, other: Histogram) -> Self:
        if not isinstance(other, Histogram):
            return NotImplemented
        self._check_alike(other)
        other = other.copy()
        for name in self.axes:
            axis = joined(self.axes[name], other.axes[name])
            self._take_axis(name, axis)
            other._take_axis(name, axis)
        for name, axis in self.score_axes.items():
            self.score_axes[name] = joined(axis, other.score_axes[name])
            self.cells[name] = self.cells[name] + other.cells[name]
        for mine, theirs in zip(self._totals(), other._totals(), strict=True):
            for name, count in theirs.items():
                mine[name] += count
        self.source_names = self.source_names | other.source_names
        return self

    def _totals(self) -> tuple[dict[str, int], ...]:
        return self.underflow, self.overflow, self.num_scores

    def _check_alike(self, other: Histogram) -> None:
        for mine, theirs in ((self.axes, other.axes), (self.score_axes, other.score_axes)):
            if list(mine) != list(theirs):
                msg = f"other: its axes are {list(theirs)}, not {list(mine)}; they must agree"
                raise InvalidRequestError(msg, parameter="other")
        repeated = self.source_names & other.source_names
        if repeated:
            msg = f"other: {sorted(repeated)[:3]} are counted in both; leave them out of one"
            raise InvalidRequestError(msg, parameter="other")

    def emptied(self) -> Histogram:
        """Return a histogram without data that shares the settings of this one."""
        made = type(self).__new__(type(self))
        made.pars = self.pars
        made.initialize()
        return made

    def copy(self) -> Histogram:
        """Return another histogram with the same content."""
        made = type(self).__new__(type(self))
        made.pars = self.pars.copy()
        made.axes, made.score_axes = dict(self.axes), dict(self.score_axes)
        made.cells = dict(self.cells)
        made.underflow, made.overflow, made.num_scores = (dict(x) for x in self._totals())
        made.source_names = set(self.source_names)
        return made

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Histogram):
            return NotImplemented
        return (
            (self.axes, self.score_axes, self.cells) == (other.axes, other.score_axes, other.cells)
            and self._totals() == other._totals()
            and self.source_names == other.source_names
        )

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        scores = ", ".join(f"{name}: {self.get_sum_scores(name)}" for name in self.score_axes)
        return f"<Histogram {self.pars.name!r} over {list(self.axes)}, {scores}>"

    # ---------------------------------------------------------------- content

    def all_axes(self, score: str) -> list[Axis]:
        """Return the axes of a score: the common ones and its own."""
        return [*self.axes.values(), self.score_axes[score]]

    def counts(self, score: str) -> NDArray[np.integer]:
        """Return the counts of a score as an array over all of its axes."""
        axes = self.all_axes(score)
        first, shape = [axis.first for axis in axes], [axis.size for axis in axes]
        return self.cells[score].dense(first, shape, self.pars.dtype)

    @property
    def data(self) -> xarray.Dataset:
        """The counts as `xarray.Dataset`, with a variable ``<score>_counts`` for each score."""
        return histogram_io.to_dataset(self)

    def get_size(self, units: str = "MB") -> float:
        """Return the size of the arrays over all axes, as `data` holds them."""
        return self._size(lambda axis: axis.size) / _BYTES_PER_UNIT[units]

    def get_size_estimate(self, units: str = "MB") -> float:
        """Return what `get_size` may become, when the axes that grow have ten bins each."""
        return self._size(lambda axis: max(axis.size, _GROWING_GUESS)) / _BYTES_PER_UNIT[units]

    def _size(self, bins: Any) -> int:
        item = np.dtype(self.pars.dtype).itemsize
        cells = (
            np.prod([bins(axis) for axis in self.all_axes(score)], dtype=float)
            for score in self.score_axes
        )
        return int(sum(cells) * item)

    def get_sum_scores(self, score: str | None = None) -> int:
        """Return how many values are in cells; of all scores by default."""
        names = list(self.score_axes) if score is None else [score]
        return sum(self.cells[name].total for name in names)

    # ---------------------------------------------------------------- bytes and files

    def to_bytes(self) -> bytes:
        """Return everything in few bytes; `from_bytes` reads them."""
        return histogram_io.to_bytes(self)

    @classmethod
    def from_bytes(cls, content: bytes) -> Histogram:
        """Return the histogram that `to_bytes` wrote."""
        return histogram_io.from_bytes(content)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write a netCDF file, completely or not at all."""
        histogram_io.save(self, path)

    @classmethod
    def from_netcdf(cls, path: str | os.PathLike[str]) -> Histogram:
        """Return the histogram in a netCDF file."""
        return histogram_io.load(path)

    def load(self, path: str | os.PathLike[str]) -> None:
        """Take settings and content of a netCDF file in place of those there are."""
        self.__dict__.update(histogram_io.load(path).__dict__)


def merged(first: Mapping[str, Histogram], second: Mapping[str, Histogram]) -> dict[str, Histogram]:
    """Return the sums of the histograms of the same name; those of one side as they are."""
    names = [*first, *(name for name in second if name not in first)]
    return {
        name: first[name] + second[name]
        if name in first and name in second
        else (first.get(name) or second[name])
        for name in names
    }


def _found(name: str, places: Iterable[Any]) -> Any:
    for place in places:
        value = _value(place, name)
        if value is not None:
            return value
    msg = f"{name}: neither data nor source nor altdata have it; add it, or drop the axis"
    raise InvalidRequestError(msg, parameter=name)


def _value(place: Any, name: str) -> Any:
    if place is None:
        return None
    if isinstance(place, Mapping):
        return place.get(name)
    if isinstance(place, np.ndarray):
        return place[name] if name in (place.dtype.names or ()) else None
    if hasattr(place, "__getitem__") and hasattr(place, "__contains__"):
        return np.asarray(place[name]) if name in place else None
    return getattr(place, name, None)
