from __future__ import annotations

import json
import pickle

import numpy as np
import pytest

from astroquery_mmdc.exceptions import InvalidRequestError
from astroquery_mmdc.retriever.analysis import Analysis, ParsAnalysis, is_recovery
from astroquery_mmdc.retriever.detections import DetectionRecord
from astroquery_mmdc.retriever.efficiency import efficiency
from astroquery_mmdc.retriever.jsonable import plain
from astroquery_mmdc.retriever.results import SourceData

STRONG = {
    "num_injections": 3,
    "min_amplitude": 30.0,
    "max_amplitude": 40.0,
    "min_width": 3.0,
    "max_width": 6.0,
}


def real(result):
    return [each for each in result.detections if not each.simulated]


def simulated(result):
    return [each for each in result.detections if each.simulated]


def test_a9_1_the_whole_chain(make_source):
    analysis = Analysis(**STRONG)
    (result,) = analysis.analyze_sources(make_source("a", {50: 20}))
    assert [each.peak_mjd for each in real(result)] == [59050.0]
    assert result.processed[0]["detected"].sum() == 1
    assert {"qflag", "offset", "snr", "dmag"} <= set(result.processed[0].colnames)
    assert len(result.simulated) == 3
    assert {each.level for each in result.simulated} == {"simulated"}
    assert [each.simulation for each in result.simulated] == [1, 2, 3]
    assert result.properties.has_data
    assert analysis.histograms["all_scores"].get_sum_scores("dmag") == 100


def test_a9_1_several_sources_at_once(make_source):
    analysis = Analysis(num_injections=0)
    sources = [make_source("a"), make_source("b", {10: 30}, seed=2)]
    results = analysis.analyze_sources(sources)
    assert [result.name for result in results] == ["a", "b"]
    assert [len(result.detections) for result in results] == [0, 1]


def test_a9_4_analysing_again_gives_the_same_and_changes_nothing(make_source):
    source = make_source("a", {50: 20})
    before = source.reduced_lightcurves[0].data.tobytes()
    batches = [Analysis(**STRONG).analyze_batch([source]) for _ in range(2)]
    same = Analysis(**STRONG)
    batches += [same.analyze_batch([source]), same.analyze_batch([source])]
    rows = [[each.to_row() for each in batch.results[0].detections] for batch in batches]
    assert rows[0] == rows[1] == rows[2] == rows[3]
    first, *others = (batch.histograms for batch in batches)
    assert all(other == first for other in others)
    assert source.reduced_lightcurves[0].data.tobytes() == before


def test_the_order_of_sources_makes_no_difference(make_source):
    sources = [make_source(name, {30: 9}, seed=seed) for seed, name in enumerate("abcd")]
    one = Analysis(**STRONG).analyze_batch(sources)
    analysis = Analysis(**STRONG)
    analysis.analyze_sources(sources[2:])
    analysis.analyze_sources(list(reversed(sources[:2])))
    assert analysis.histograms == one.histograms


def test_a9_5_injected_events_are_found_and_marked(make_source):
    (result,) = Analysis(**STRONG).analyze_batch([make_source("a")]).results
    found = simulated(result)
    assert len(found) == sum(each.recovered for each in result.injections) == 3
    for record, truth in zip(found, result.injections, strict=True):
        assert record.simulation_number == result.injections.index(truth) + 1
        assert record.sim_pars == truth.injection.to_dict()
        assert abs(record.peak_mjd - truth.injection.mjd) < truth.injection.width
        assert record.snr == pytest.approx(truth.injection.snr, rel=0.5)
    assert real(result) == []


def test_a9_5_weak_events_are_lost(make_source):
    weak = {**STRONG, "min_amplitude": 0.1, "max_amplitude": 0.2}
    (result,) = Analysis(**weak).analyze_batch([make_source("a")]).results
    assert simulated(result) == []
    assert [each.recovered for each in result.injections] == [False] * 3
    assert result.properties.props["num_recovered"] == 0
    assert len(result.simulated) == 3


def test_a9_5_a_real_event_is_no_recovery(make_source):
    """The injected event is next to a much stronger real one, which is found every time."""
    pars = {**STRONG, "num_injections": 50, "min_amplitude": 1.0, "max_amplitude": 1.5}
    (result,) = Analysis(**pars).analyze_batch([make_source("a", {50: 200})]).results
    near = [each for each in result.injections if abs(each.injection.mjd - 59050) < 3]
    assert near
    assert simulated(result) == []


def test_a9_5_dips_are_injected_and_found(make_source):
    pars = {**STRONG, "dip_fraction": 1.0}
    (result,) = Analysis(**pars).analyze_batch([make_source("a")]).results
    assert {each.snr < 0 for each in simulated(result)} == {True}


def test_a9_5_recoveries_agree_in_direction_and_place(make_source):
    (result,) = Analysis(**STRONG).analyze_batch([make_source("a")]).results
    lightcurve = result.simulated[0]
    truth = result.injections[0].injection
    event = Analysis().finder.detect(lightcurve)[1][0]
    assert is_recovery(lightcurve, event, truth)


def test_a9_5_the_number_of_injections_may_be_fractional(make_source):
    sources = [make_source(f"s{number}", seed=number) for number in range(200)]
    batch = Analysis(num_injections=0.5).analyze_batch(sources)
    numbers = [len(result.injections) for result in batch.results]
    assert set(numbers) >= {0, 1, 2}
    assert np.mean(numbers) == pytest.approx(0.5, abs=0.15)
    with pytest.raises(InvalidRequestError, match="num_injections"):
        Analysis(num_injections=-1)


def test_a9_5_other_settings_and_names_give_other_injections(make_source):
    source = make_source("a")
    versions = [source, SourceData("a", source.reduced_lightcurves, cfg_hash="other")]
    first, second = (Analysis(**STRONG).analyze_source(each).injections for each in versions)
    assert first != second


def test_a9_5_efficiency_rises_with_the_amplitude(make_source):
    pars = {**STRONG, "num_injections": 20, "min_amplitude": 1.0, "max_amplitude": 15.0}
    sources = [make_source(f"s{number}", seed=number) for number in range(20)]
    histograms = Analysis(**pars).analyze_batch(sources).histograms
    found = efficiency(histograms["injected"], histograms["recovered"], over=())
    assert int(found.injected.sum()) == 400
    assert found.efficiency.sel(amplitude=2) < 0.1
    assert found.efficiency.sel(amplitude=12) > 0.8


def test_a9_6_properties_summarise_the_source(make_source):
    (result,) = Analysis(**STRONG).analyze_batch([make_source("a", {50: 20}, flagged=[3])]).results
    row = result.properties.to_row()
    props = row["props"]
    assert (row["source_name"], row["has_data"]) == ("a", True)
    assert (props["num_lightcurves"], props["num_epochs"], props["num_good"]) == (1, 100, 99)
    assert (props["mjd_start"], props["mjd_end"]) == (59000.0, 59099.0)
    assert (props["num_detections"], props["num_injected"]) == (1, 3)
    assert props["series"][0]["flux_mean_robust"] == pytest.approx(1000, abs=3)
    assert props["series"][0]["fractional_variability"] == pytest.approx(0.017, abs=0.005)
    assert len(props["injections"]) == 3
    assert json.loads(json.dumps(props, allow_nan=False)) == props


def test_a9_6_a_source_without_data_is_analysed_too():
    (result,) = Analysis().analyze_batch([SourceData("nothing", [])]).results
    assert not result.properties.has_data
    assert result.properties.props["num_lightcurves"] == 0
    assert list(result.detections) == []


def test_a9_7_flagged_epochs_are_not_among_the_good_scores(make_source):
    batch = Analysis(num_injections=0).analyze_batch([make_source("a", flagged=[1, 2, 3])])
    histograms = batch.histograms
    assert histograms["all_scores"].get_sum_scores("dmag") == 100
    bad = int(batch.results[0].processed[0]["qflag"].sum())
    assert histograms["good_scores"].get_sum_scores("dmag") == 100 - bad < 98
    inside = np.abs(batch.results[0].processed[0]["offset"]) < 5.05
    assert histograms["quality_values"].get_sum_scores("offset") == inside.sum()


def test_a9_7_axes_can_be_chosen(make_source):
    analysis = Analysis(histogram_kwargs={"obs_coords": {"filter": ()}}, num_injections=0)
    histograms = analysis.analyze_batch([make_source("a")]).histograms
    assert list(histograms["all_scores"].axes) == ["mag", "filter"]


def test_sources_without_a_magnitude_count_by_that_of_their_light_curves(make_source):
    source = make_source("a")
    nameless = SourceData("a", source.reduced_lightcurves)
    first, second = (Analysis(**STRONG).analyze_batch([x]).histograms for x in (source, nameless))
    assert first == second


def test_a9_11_what_is_not_to_be_saved_is_left_out(make_source):
    source = make_source("a", {50: 20})

    def saved(**switches):
        batch = Analysis(**STRONG, **switches).analyze_batch([source])
        (result,) = batch.results
        parts = (result.processed, result.simulated, result.detections, batch.histograms)
        return [bool(part) for part in parts]

    assert saved() == [True] * 4
    assert saved(save_processed=False) == [False, True, True, True]
    assert saved(save_simulated=False) == [True, False, True, True]
    assert saved(save_detections=False) == [True, True, False, True]
    assert saved(save_histograms=False) == [True, True, True, False]
    assert saved(save_anything=False) == [False] * 4


def test_a_failing_source_leaves_the_others_alone(make_source, caplog):
    broken = SourceData("broken", [make_source("broken").reduced_lightcurves[0].replace(data=None)])
    analysis = Analysis(num_injections=0)
    batch = analysis.analyze_batch([make_source("a"), broken, make_source("b")])
    assert [result.name for result in batch.results] == ["a", "b"]
    (failure,) = batch.failures
    assert failure.source_name == "broken"
    assert failure.error
    assert "Traceback" in failure.traceback
    assert batch.histograms["all_scores"].get_sum_scores("dmag") == 200
    analysis.analyze_sources([broken])
    assert "broken" in caplog.text


def test_several_filters_share_an_event(quiet):
    source = SourceData("a", [quiet(band=band, seed=place).replace(series=place + 1, total=2)
                              for place, band in enumerate("gr")], mag=16.4)  # fmt: skip
    (result,) = Analysis(**STRONG).analyze_batch([source]).results
    assert len(result.simulated) == 6
    assert len(simulated(result)) == 6
    assert [each.recovered for each in result.injections] == [True] * 3
    assert {(each.series_number, each.simulation_number) for each in simulated(result)} == {
        (series, number) for series in (1, 2) for number in (1, 2, 3)
    }


def test_analyses_travel_to_other_processes(make_source):
    analysis = pickle.loads(pickle.dumps(Analysis(**STRONG)))
    batch = analysis.analyze_batch([make_source("a", {50: 20})])
    again = pickle.loads(pickle.dumps(batch))
    assert again.histograms == batch.histograms
    assert again.results[0].detections == batch.results[0].detections
    assert plain(again.results[0].properties.to_row())


def test_a3_3_names_of_the_parts_are_understood():
    analysis = Analysis(snr_threshold=8.5, offset_threshold=2.0, template_shape="box")
    assert analysis.finder.pars.snr_threshold == 8.5
    assert analysis.quality_checker.pars.offset_threshold == 2.0
    assert analysis.simulator.pars.template_shape == "box"
    assert analysis.pars.finder_kwargs == {"snr_threshold": 8.5}
    with pytest.raises(AttributeError, match="snr_treshold"):
        Analysis(snr_treshold=8.5)


def test_a4_8_each_part_reads_its_own_key_of_a_file(tmp_path):
    path = tmp_path / "project.yaml"
    path.write_text(
        "analysis: {num_injections: 4, snr_threshold: 7.5, histogram_kwargs: {dtype: uint64}}\n"
        "quality: {offset_threshold: 9}\n"
        "finder: {snr_threshold: 6, max_det_per_lc: 3}\n"
        "histograms: {obs_coords: {filter: []}}\n"
    )
    analysis = Analysis(cfg_file=str(path))
    assert analysis.pars.num_injections == 4
    assert analysis.quality_checker.pars.offset_threshold == 9.0
    # What the owner says is the more explicit one.
    assert (analysis.finder.pars.snr_threshold, analysis.finder.pars.max_det_per_lc) == (7.5, 3)
    histogram = analysis.histograms["all_scores"]
    assert (histogram.pars.dtype, list(histogram.axes)) == ("uint64", ["mag", "filter"])
    assert Analysis(cfg_file=str(path), num_injections=2).pars.num_injections == 2


class ParsMyAnalysis(ParsAnalysis):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self._enforce_no_new_attrs = False
        self.num_kernels = self.add_par("num_kernels", 10, int, "number of kernels")
        self._enforce_no_new_attrs = True


class NewAnalysis(Analysis):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.pars = ParsMyAnalysis(**kwargs)

    def analyze_photometry(self, source): ...


class OldAnalysis(Analysis):
    def _analyze_photometry(self, source):
        lightcurve = self.process(source.reduced_lightcurves)[0]
        return [self.make_detection(lightcurve, event) for event in self.events(lightcurve)]

    def events(self, lightcurve):
        return self.finder.detect(lightcurve)[1]

    def make_detection(self, lightcurve, event, sim_pars=None):
        record = super().make_detection(lightcurve, event, sim_pars)
        assert isinstance(record, DetectionRecord)
        return record


class WrongAnalysis(Analysis):
    def analyze_photometry(self, source):
        return [1, 2]


def test_a9_10_a_subclass_with_parameters_of_its_own(make_source):
    analysis = NewAnalysis(num_kernels=20, snr_threshold=9.0)
    assert analysis.pars.num_kernels == 20
    assert analysis.finder.pars.snr_threshold == 9.0
    (result,) = analysis.analyze_sources(make_source("a", {50: 20}))
    assert list(result.detections) == []
    assert result.properties.source_name == "a"
    assert result.properties.has_data
    assert result.properties.props["num_epochs"] == 100


def test_a9_10_the_method_may_have_an_underscore(make_source):
    (result,) = OldAnalysis().analyze_sources(make_source("a", {50: 20}))
    assert [each.peak_mjd for each in result.detections] == [59050.0]


def test_a9_10_what_a_subclass_returns_is_checked(make_source):
    batch = WrongAnalysis().analyze_batch([make_source("a")])
    assert "analyze_photometry" in batch.failures[0].error


def test_a9_10_parts_can_be_classes_of_ones_own():
    analysis = Analysis(finder_module=__name__, finder_class="MyFinder", finder_kwargs={"a": 1})
    assert type(analysis.finder).__name__ == "MyFinder"


class MyFinder:
    def __init__(self, **kwargs):
        from astroquery_mmdc.retriever.finder import ParsFinder

        assert kwargs.pop("a") == 1
        self.pars = ParsFinder(**kwargs)
