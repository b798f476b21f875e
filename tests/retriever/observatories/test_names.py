from __future__ import annotations

import pytest

from astroquery_mmdc.retriever import observatories
from astroquery_mmdc.retriever.observatories import OBSERVATORIES, observatory_class


@pytest.mark.parametrize("name", observatories.__all__)
def test_every_public_name_is_there(name):
    assert getattr(observatories, name) is not None
    assert name in dir(observatories)


def test_other_names_are_not():
    with pytest.raises(AttributeError, match="no attribute 'VirtualNothing'"):
        _ = observatories.VirtualNothing


@pytest.mark.parametrize("name", OBSERVATORIES)
def test_every_survey_is_called_as_it_is_listed(name):
    made = observatory_class(name)()
    assert made.name.replace("_", "") == name
    assert observatory_class(f"Virtual{name.lower()}") is type(made)
    assert made.pars.get_default_cfg_key() == "observatories"
    assert observatory_class(made.name) is type(made)


@pytest.mark.parametrize(("alias", "name"), [("PS1", "PANSTARRS"), ("fermi", "FERMI_LCR")])
def test_surveys_have_nicknames(alias, name):
    assert observatory_class(alias).default_name == name
