from __future__ import annotations

import json
import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from astroquery_mmdc.retriever.parameters import Parameters
from astroquery_mmdc.retriever.secrets import Secrets, without_secrets


class ParsFlares(Parameters):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.add_par("snr_threshold", 5.0, float, "Smallest S/N")
        self.add_par("snr_sidebands", -2.0, float, "Below which an event ends")
        self.add_par("max_events", 1, int, "How many")
        self.add_par("label", None, (str, None), "A text")
        self.add_par("options", {}, dict, "Anything")
        self.add_par("bands", {"g"}, set, "Filters")
        self.add_par("quick", False, bool, "Faster", critical=False)
        self.add_par("credentials", {}, (dict, Secrets), "Password", critical=False, secret=True)
        self.add_alias("vc", "quick")

    @classmethod
    def get_default_cfg_key(cls):
        return "flares"


class ParsMoreFlares(ParsFlares):
    """As the documentation shows a subclass with a parameter of its own."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self._enforce_no_new_attrs = False
        self.num_kernels = self.add_par("num_kernels", 10, int, "number of kernels")
        self._enforce_no_new_attrs = True


@pytest.mark.parametrize(
    ("name", "value", "kept"),
    [
        ("snr_threshold", 7, 7.0),
        ("snr_threshold", np.float32(0.5), 0.5),
        ("max_events", np.int64(3), 3),
        ("label", None, None),
        ("bands", ["r", "g"], {"r", "g"}),
    ],
)
def test_a4_1_values_are_of_the_declared_types(name, value, kept):
    pars = ParsFlares()
    pars[name] = value
    assert pars[name] == kept
    assert type(pars[name]) is type(kept)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("snr_threshold", "7"),
        ("snr_threshold", None),
        ("max_events", 1.5),
        ("max_events", True),
        ("quick", 1),
        ("label", 3),
        ("options", [1]),
    ],
)
def test_a4_1_other_types_are_refused(name, value):
    pars = ParsFlares()
    with pytest.raises(TypeError, match=f"^{name}: .* is of the wrong type; give "):
        pars[name] = value
    with pytest.raises(TypeError, match=name):
        ParsFlares(**{name: value})


def test_a4_1_types_may_be_switched_off():
    pars = ParsFlares(_enforce_type_checks=False)
    pars.max_events = "many"
    assert pars.max_events == "many"


def test_a4_1_defaults_are_checked_and_belong_to_one_object():
    class ParsWrong(Parameters):
        def __init__(self, **kwargs):
            super().__init__(**kwargs)
            self.add_par("number", True, int, "A number")

    with pytest.raises(TypeError, match="number"):
        ParsWrong()
    ParsFlares().options["mine"] = 1
    assert ParsFlares().options == {}


def test_a4_2_unknown_names_are_refused_with_a_suggestion():
    pars = ParsFlares()
    with pytest.raises(AttributeError, match="did you mean snr_threshold"):
        pars.snr_treshold = 3.0
    with pytest.raises(AttributeError, match="no such parameter"):
        _ = pars.unknown
    with pytest.raises(AttributeError, match="unknown"):
        ParsFlares(unknown=1)
    with pytest.raises(AttributeError, match="locked"):
        pars.add_par("late", 1, int, "Too late")
    with pytest.raises(AttributeError):
        pars._private = 1


def test_a4_2_a_subclass_adds_parameters_as_documented():
    pars = ParsMoreFlares(num_kernels=20, snr_threshold=8.5)
    assert (pars.num_kernels, pars.snr_threshold) == (20, 8.5)
    with pytest.raises(AttributeError, match="num_kernals"):
        ParsMoreFlares(num_kernals=20)
    with pytest.raises(AttributeError):
        pars.anything = 1


def test_a4_3_many_values_at_once():
    pars = ParsFlares(options={"a": 1}, bands={"g"})
    pars.update({"options": {"b": 2}, "bands": {"r"}})
    assert (pars.options, pars.bands) == ({"a": 1, "b": 2}, {"g", "r"})
    pars.read({"options": {"c": 3}, "max_events": 4})
    assert (pars.options, pars.max_events) == ({"c": 3}, 4)
    with pytest.raises(AttributeError):
        pars.read({"nothing": 1})


def test_a4_3_access_copy_and_comparison():
    pars = ParsFlares()
    assert "snr_threshold" in pars
    assert "nothing" not in pars
    assert 3 not in pars
    copy = pars.copy()
    assert copy.compare(pars)
    copy.options["a"] = 1
    copy.quick = True
    assert pars.options == {}
    assert not copy.compare(pars)
    assert copy.compare(pars, ignore=["options", "quick"])
    assert not copy.compare(pars, critical=True)
    copy.options = {}
    assert copy.compare(pars, critical=True, verbose=True)
    copy._allow_shorthands = False
    assert not copy.compare(pars, critical=True, hidden=True)


def test_a4_3_differences_and_texts_are_logged(caplog):
    caplog.set_level("INFO", logger="astroquery_mmdc.retriever")
    ParsFlares().compare(ParsFlares(max_events=4), verbose=True)
    assert "max_events: 1 here, 4 there" in caplog.text
    ParsFlares(verbose=1).vprint("heard")
    ParsFlares(verbose=0).vprint("unheard")
    assert "heard" in caplog.text
    assert "unheard" not in caplog.text


def test_a4_3_dictionaries():
    pars = ParsFlares(max_events=3)
    everything = pars.to_dict()
    assert everything["max_events"] == 3
    assert "quick" not in pars.get_critical_pars()
    assert "_ignore_case" in pars.to_dict(hidden=True)
    assert "_ignore_case" not in everything
    everything["options"]["a"] = 1
    assert pars.options == {}


@pytest.mark.parametrize("name", ["SNR_THRESHOLD", "snr_t", "Snr_Thr"])
def test_a4_4_case_and_beginnings_of_names(name):
    pars = ParsFlares(**{name: 9})
    assert pars[name] == getattr(pars, name) == pars.snr_threshold == 9.0
    setattr(pars, name, 4)
    assert pars.snr_threshold == 4.0


def test_a4_4_ambiguous_beginnings_are_errors():
    pars = ParsFlares()
    with pytest.raises(ValueError, match=r"snr: it may mean any of \['snr_sidebands'"):
        _ = pars.snr
    with pytest.raises(ValueError, match="may mean"):
        ParsFlares(snr=1)
    with pytest.raises(ValueError, match="given twice"):
        ParsFlares(snr_threshold=1, SNR_Threshold=2)


def test_a4_4_aliases_and_switches():
    assert ParsFlares(vc=True).quick is True
    pars = ParsFlares()
    pars._remove_underscores = True
    assert pars.snrthreshold == 5.0
    pars._allow_shorthands = False
    with pytest.raises(AttributeError):
        _ = pars.max_ev
    pars._ignore_case = False
    with pytest.raises(AttributeError):
        _ = pars.MAX_EVENTS
    with pytest.raises(AttributeError, match="no such parameter"):
        pars.add_alias("x", "nothing")


def test_a4_5_values_that_are_handed_on():
    pars = ParsFlares(project="a", data_types="lc", cfg_file=False, verbose=2)
    handed = pars.get_propagated()
    assert handed == {
        "data_types": ["photometry"],
        "project": "a",
        "cfg_file": False,
        "verbose": 2,
    }
    assert ParsMoreFlares(**handed).verbose == 2


@pytest.mark.parametrize(
    ("given", "kept"),
    [("lc", ["photometry"]), (["phot", "IM"], ["photometry", "images"]), ("spec", ["spectra"])],
)
def test_a2_10_kinds_of_data_have_many_spellings(given, kept):
    assert ParsFlares(data_types=given).data_types == kept
    with pytest.raises(ValueError, match="data_types: 'sound'"):
        ParsFlares(data_types="sound")


def test_a5_6_only_what_results_depend_on_is_hashed():
    pars = ParsFlares()
    same = ParsFlares(verbose=3, quick=True, credentials={"password": "12345"}, snr_threshold=5)
    assert pars.get_hash() == same.get_hash()
    assert pars.get_hash() != ParsFlares(snr_threshold=5.5).get_hash()
    assert ParsFlares(options={"a": 1, "b": 2}).get_hash() == (
        ParsFlares(options={"b": 2, "a": 1}).get_hash()
    )


@given(st.dictionaries(st.text(min_size=1), st.integers() | st.floats(allow_nan=False) | st.text()))
def test_a5_6_hashes_are_those_of_the_values(options):
    first, second = ParsFlares(options=options), ParsFlares(options=dict(reversed(options.items())))
    assert first.get_hash() == second.get_hash()
    assert len(first.get_hash()) == 64


def test_help_shows_values_and_meanings():
    pars = ParsFlares(credentials={"password": "12345"})
    text = pars.help()
    assert "snr_threshold = 5.0 [float, default 5.0]: Smallest S/N" in text
    assert repr(text) == str(text)
    assert "12345" not in text
    assert "quick" in text


@pytest.mark.parametrize("protocol", range(2, pickle.HIGHEST_PROTOCOL + 1))
def test_secrets_are_in_no_dump(protocol, caplog):
    secret = "x7-very-secret"
    pars = ParsFlares(credentials={"username": "guy", "password": secret})
    nested = ParsFlares(options={"ZTF": {"credentials": {"password": secret}, "radius": 3}})
    assert pars.credentials["password"] == secret
    assert pars.copy().credentials["password"] == secret
    shown = [
        repr(pars),
        str(pars.credentials),
        pars.show_pars(),
        json.dumps(pars.to_dict(), default=list),
    ]
    shown += [
        json.dumps(nested.to_dict(), default=list),
        pickle.dumps(pars, protocol).decode("latin-1"),
    ]
    assert not any(secret in text for text in shown)
    assert nested.options["ZTF"]["credentials"]["password"] == secret
    assert nested.to_dict()["options"] == {"ZTF": {"radius": 3}}
    with pytest.raises(TypeError) as error:
        ParsFlares(credentials=secret)
    assert secret not in str(error.value)
    with pytest.raises(KeyError) as missing:
        _ = pars.credentials["token"]
    assert secret not in str(missing.value)
    assert pickle.loads(pickle.dumps(pars, protocol)).snr_threshold == 5.0
    assert without_secrets([Secrets({"a": 1}), {"token": 1, "b": 2}]) == [{"b": 2}]


def test_partly_returns_what_belongs_to_a_subclass():
    pars, rest = ParsFlares.partly(max_events=2, num_kernels=20, cfg_file=False)
    assert pars.max_events == 2
    assert rest == {"num_kernels": 20}
    assert {"max_events", "vc"} <= ParsFlares.names()


def test_a_thousand_accesses_by_shorthand_are_fast():
    import time

    pars = ParsFlares()
    begin = time.perf_counter()
    for _ in range(1000):
        _ = pars.max_ev
    assert time.perf_counter() - begin < 0.05
