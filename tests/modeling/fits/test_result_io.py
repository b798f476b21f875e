from __future__ import annotations

import csv
import io
import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from astroquery_mmdc.exceptions import InvalidRequestError, ParseError
from astroquery_mmdc.modeling import MODELS
from astroquery_mmdc.modeling.fits.likelihood import Likelihood
from astroquery_mmdc.modeling.fits.results.archive import FORMAT_VERSION
from astroquery_mmdc.modeling.fits.results.csv_files import csv_best_model, csv_best_parameters
from astroquery_mmdc.modeling.fits.results.latex_table import latex_interval, latex_symbol
from astroquery_mmdc.modeling.fits.results.result import FitResult
from tests.modeling.made_fits import SSC_FREE, hadronic, made_fit
from tests.peers import peer_python


@pytest.fixture(scope="module")
def result():
    return FitResult.from_fit(made_fit())


def rewritten(path, **changes):
    """The same file with other facts."""
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    facts = {**json.loads(members["result.json"]), **changes}
    members["result.json"] = json.dumps(facts).encode()
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)


def assert_same(one, two):
    assert one.model_type == two.model_type
    assert one.redshift == two.redshift
    assert one.statistics == two.statistics
    assert one.fit_facts == two.fit_facts
    assert one.goodness == two.goodness
    assert one.priors == two.priors
    assert one.caveats == two.caveats
    assert one.to_latex() == two.to_latex()
    assert (one.covariance is None) == (two.covariance is None)
    if one.covariance is not None:
        assert np.array_equal(one.covariance, two.covariance, equal_nan=True)
    for name in ("parameters", "posterior", "data", "bands", "derived", "neutrino_bands"):
        ours, theirs = getattr(one, name), getattr(two, name)
        assert (ours is None) == (theirs is None), name
        if ours is not None:
            assert ours.colnames == theirs.colnames
            for column in ours.colnames:
                assert np.array_equal(ours[column], theirs[column]) or np.allclose(
                    ours[column], theirs[column], equal_nan=True, rtol=0, atol=0
                ), (name, column)
                assert getattr(ours[column], "unit", None) == getattr(theirs[column], "unit", None)
    assert np.array_equal(one.best.nuFnu, two.best.nuFnu)
    assert len(one.curves) == len(two.curves)


# ---------------------------------------------------------------- save and load


def test_there_and_back(result, tmp_path):
    path = result.save(tmp_path / "fit.zip")
    back = FitResult.load(path)
    assert_same(result, back)
    assert back.best.components.keys() == result.best.components.keys()
    # What was loaded can be saved again, and nothing is lost on the way.
    assert_same(FitResult.load(back.save(tmp_path / "again.zip")), result)
    assert result.compare(back).delta_log_evidence == 0


@pytest.mark.parametrize(
    "fit",
    [
        {"n_samples": 0, "method": "least-squares"},
        {"n_samples": 0, "covariance": None},
        {"likelihood": Likelihood(systematic="free", offsets={"Fermi": 0.1}, outliers=0.05)},
        {"model": hadronic(), "free": ("log_Lp", "log_B"), "n_samples": 15},
    ],
    ids=["least-squares", "best only", "noise", "hadronic"],
)
def test_every_kind_comes_back(fit, tmp_path):
    result = FitResult.from_fit(made_fit(**fit))
    assert_same(result, FitResult.load(result.save(tmp_path / "fit.zip")))


def test_unknown_variances_come_back(tmp_path):
    covariance = np.diag([0.01, np.nan, 1.0, 0.001])
    result = FitResult.from_fit(made_fit(n_samples=0, covariance=covariance))
    assert_same(result, FitResult.load(result.save(tmp_path / "fit.zip")))


def test_results_of_the_service_come_back(result, tmp_path):
    served = FitResult.from_json(result.to_json(), meta={"mmdc": {"job_id": "7"}})
    back = FitResult.load(served.save(tmp_path / "fit.zip"))
    assert back.meta["mmdc"]["job_id"] == "7"
    assert back.posterior.colnames == served.posterior.colnames
    assert np.allclose(back.bands["median"], served.bands["median"])
    assert back.to_json()["best_parameters"] == served.to_json()["best_parameters"]


def test_the_same_result_gives_the_same_bytes(result, tmp_path):
    one, two = (result.save(tmp_path / name).read_bytes() for name in ("a.zip", "b.zip"))
    assert one == two


def test_the_file_is_open_to_others(result, tmp_path):
    import pyarrow.parquet as pq

    with zipfile.ZipFile(result.save(tmp_path / "fit.zip")) as archive:
        names = set(archive.namelist())
        facts = json.loads(archive.read("result.json"))
        table = pq.read_table(io.BytesIO(archive.read("posterior.parquet")))
        text = archive.read("README.txt").decode()
    assert facts["format_version"] == FORMAT_VERSION
    assert facts["meta"]["fit"]["seed"] == 3
    assert table.column_names == [*SSC_FREE, "log_likelihood"]
    assert all(name in text for name in names - {"README.txt"})


def test_a_file_is_not_replaced_unless_asked(result, tmp_path):
    path = result.save(tmp_path / "fit.zip")
    with pytest.raises(InvalidRequestError, match="overwrite=True"):
        result.save(path)
    assert result.save(path, overwrite=True) == path
    with pytest.raises(InvalidRequestError, match=r"name it fit\.zip"):
        result.save(tmp_path / "fit.json")


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_that_may_not_be_written_to(result, tmp_path):
    tmp_path.chmod(0o500)
    with pytest.raises(OSError, match="Permission"):
        result.save(tmp_path / "fit.zip")


def test_a_disk_that_is_full_leaves_the_old_file(result, tmp_path, monkeypatch):
    path = result.save(tmp_path / "fit.zip")
    before = path.read_bytes()

    def full(*args, **kwargs):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(zipfile.ZipFile, "writestr", full)
    with pytest.raises(OSError, match="No space left"):
        result.save(path, overwrite=True)
    assert path.read_bytes() == before
    assert [one.name for one in tmp_path.iterdir()] == ["fit.zip"]


def test_files_that_are_none(result, tmp_path):
    with pytest.raises(InvalidRequestError, match="is not there"):
        FitResult.load(tmp_path / "none.zip")
    (tmp_path / "text.zip").write_text("no archive")
    with pytest.raises(ParseError, match="holds no result"):
        FitResult.load(tmp_path / "text.zip")
    with zipfile.ZipFile(tmp_path / "other.zip", "w") as archive:
        archive.writestr("hello.txt", "hello")
    with pytest.raises(ParseError, match="holds no result"):
        FitResult.load(tmp_path / "other.zip")
    path = result.save(tmp_path / "fit.zip")
    path.write_bytes(path.read_bytes()[:-500])
    with pytest.raises(ParseError, match="holds no result"):
        FitResult.load(path)


def test_a_later_version_says_that_it_is_one(result, tmp_path):
    path = result.save(tmp_path / "fit.zip")
    rewritten(path, format_version=FORMAT_VERSION + 1)
    with pytest.raises(ParseError, match="update it"):
        FitResult.load(path)


# ---------------------------------------------------------------- CSV


def test_the_two_csvs(result, tmp_path):
    paths = result.write_csv(tmp_path / "new")
    assert set(paths) == {"best_parameters", "best_model"}
    rows = list(csv.DictReader(io.StringIO(paths["best_parameters"].read_text())))
    assert [row["parameter"] for row in rows] == list(MODELS["SSC"])
    assert float(rows[0]["value"]) == -1.4
    assert rows[0]["unit"] == "log10(G)"
    assert rows[2]["is_fixed"] == "true"
    curve = np.genfromtxt(paths["best_model"], delimiter=",", names=True)
    assert curve.dtype.names == ("nu", "nuFnu", "synchrotron", "ssc")
    assert np.array_equal(curve["nuFnu"], result.best.nuFnu.value)
    with pytest.raises(InvalidRequestError, match="overwrite=True"):
        result.write_csv(tmp_path / "new")


def test_a_result_without_a_spectrum_has_no_csv_of_it():
    with pytest.raises(InvalidRequestError, match="no spectrum"):
        csv_best_model(FitResult.from_json({"model_type": "SSC"}, meta={}))


def test_noise_is_in_the_csv_of_parameters():
    found = FitResult.from_fit(made_fit(likelihood=Likelihood(systematic="free")))
    assert "\nsystematic,0.05," in csv_best_parameters(found)


# ---------------------------------------------------------------- LaTeX


def test_the_table_for_a_paper(result):
    text = result.to_latex()
    assert text.count(r"\\") == len(text.splitlines()) - 1 - text.count(r"\hline") - 2
    assert r"$\log_{10} (B / \mathrm{G})$ & $-1." in text
    assert r"$z$ & $0.031$ & fixed" in text
    assert r"Gaussian, 30 $\pm$ 7.1, 3 to 100" in text
    assert r"\ln Z$ & $12.50 \pm 0.10$" in text
    assert r"$U_B$ & $\left(" in text


def test_one_sided_posteriors_are_limits_in_the_table():
    rng = np.random.default_rng(1)
    samples = np.column_stack(
        [
            1.98 - np.abs(rng.normal(0, 0.1, 500)),
            42.1 + np.abs(rng.normal(0, 0.1, 500)),
            rng.normal(22, 1, 500),
            rng.uniform(1.8, 4.9, 500),
        ]
    )
    text = FitResult.from_fit(made_fit(samples=samples, sample_log_likelihood=None)).to_latex()
    assert r"(B / \mathrm{G})$ & $> 1.8" in text
    assert "$< 42.3$" in text
    assert r"$p$ & $\mathrm{unconstrained}$" in text


@pytest.mark.parametrize(
    ("numbers", "text"),
    [
        ((22.1, 20.1, 23.9), "22.1^{+1.8}_{-2.0}"),
        ((1.0, 1.0, 1.0), "1.000"),
        ((8.772e16, 8.772e16, 8.772e16), r"8.772\times 10^{16}"),
        ((0.0, -1e-9, 1e-9), r"\left(0.0^{+1.0}_{-1.0}\right)\times 10^{-9}"),
        ((2.5e-12, 2.0e-12, 3.1e-12), r"\left(2.50^{+0.60}_{-0.50}\right)\times 10^{-12}"),
        ((float("nan"), 1.0, 2.0), r"\dots"),
        ((3.0, float("nan"), 4.0), "3"),
    ],
)
def test_values_with_errors(numbers, text):
    assert latex_interval(*numbers) == text


@given(
    st.floats(-1e50, 1e50, allow_subnormal=False),
    st.floats(1e-30, 1e50),
    st.floats(1e-30, 1e50),
)
def test_any_value_can_be_written(median, minus, plus):
    text = latex_interval(median, median - minus, median + plus)
    assert len(text) < 80
    assert text.count("{") == text.count("}")


@pytest.mark.parametrize("model_type", list(MODELS))
def test_every_symbol_is_math_that_matplotlib_draws(model_type):
    pytest.importorskip("matplotlib")
    from matplotlib.mathtext import MathTextParser

    parser = MathTextParser("path")
    names = [*MODELS[model_type], "systematic", "outlier_fraction", "offset_Fermi 4FGL_DR4"]
    for name in names:
        parser.parse(f"${latex_symbol(model_type, name)}$")


# ---------------------------------------------------------------- ArviZ


_SCRIPT = """
import sys
import types
import numpy as np
try:
    import arviz
except ImportError:
    # ArviZ 1 needs a newer Python than its part that makes the tree.
    import arviz_base
    arviz = types.SimpleNamespace(from_dict=arviz_base.from_dict, __version__="1.0")
    sys.modules["arviz"] = arviz
from astroquery_mmdc.modeling.fits.results.result import FitResult
result = FitResult.load(sys.argv[1])
data = result.to_arviz()
posterior = data["posterior"]
assert dict(posterior.sizes) == {"chain": 1, "draw": len(result.posterior)}, posterior.sizes
assert np.array_equal(posterior["log_B"].values[0], result.posterior["log_B"])
assert np.array_equal(data["sample_stats"]["lp"].values[0], result.posterior["log_likelihood"])
assert len(data["observed_data"]["nu"]) == len(result.data)
print(data.attrs["model_type"], arviz.__version__)
"""


@pytest.mark.parametrize("peer", ["arviz0", "arviz1"])
def test_arviz_reads_it(peer, result, tmp_path):
    python = peer_python(peer)
    path = result.save(tmp_path / "fit.zip")
    root = Path(__file__).parents[3]
    done = subprocess.run(
        [python, "-W", "ignore", "-c", _SCRIPT, path],
        env={**os.environ, "PYTHONPATH": str(root)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(f"SSC {peer[-1]}")


def test_arviz_needs_a_posterior_and_arviz(result, monkeypatch):
    best = FitResult.from_fit(made_fit(n_samples=0))
    with pytest.raises(InvalidRequestError, match="no posterior"):
        best.to_arviz()
    monkeypatch.setitem(sys.modules, "arviz", None)
    with pytest.raises(ImportError, match="pip install arviz"):
        result.to_arviz()
