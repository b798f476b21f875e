"""The files in a project's folder. Names are those of the contract."""

from __future__ import annotations

from astroquery_mmdc.retriever.histogram import Histogram

from .helpers import QUICK, made_project


def histogram_files(project):
    """Return the histograms in files, by name."""
    paths = project.output_folder.glob("histograms_*.nc")
    return {path.stem.removeprefix("histograms_"): Histogram.from_netcdf(path) for path in paths}


def test_a1_11_the_project_folder_holds_configuration_and_histograms():
    project = made_project(4)
    project.run(**QUICK)
    assert (project.output_folder / "config.yaml").is_file()
    assert {"all_scores", "good_scores", "quality_values"} <= histogram_files(project).keys()


def test_a9_13_histogram_files_follow_the_database():
    project = made_project(12)
    project.run(finish=4, **QUICK)
    first = histogram_files(project)
    assert first == project.get_histograms()
    # What a copy that was cut off leaves behind: it must neither be read nor be added to.
    damaged = project.output_folder / "histograms_all_scores.nc"
    damaged.write_bytes(damaged.read_bytes()[:100])
    project.run(**QUICK)
    second = histogram_files(project)
    assert second == project.get_histograms()
    assert second["all_scores"].get_sum_scores("snr") == 3 * first["all_scores"].get_sum_scores(
        "snr"
    )
    names = {path.name for path in project.output_folder.iterdir() if path.is_file()}
    assert names == {"config.yaml", *(f"histograms_{name}.nc" for name in second)}
