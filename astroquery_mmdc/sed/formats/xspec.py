"""Input files of ``ftflx2xsp``, which makes XSPEC spectra of them; written only."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from astropy import units as u

from astroquery_mmdc.exceptions import InvalidRequestError
from astroquery_mmdc.sed.build import filled, text
from astroquery_mmdc.sed.core import SED
from astroquery_mmdc.sed.files import new_file
from astroquery_mmdc.sed.formats.base import Dialect, number, register, warn_losses, write_text
from astroquery_mmdc.sed.formats.gadf import file_name
from astroquery_mmdc.sed.formats.groups import spectra, unique_energies

__all__ = ["to_xspec_text", "write_xspec_groups"]

# Half the width in dex of the bin around a point that has no neighbours.
_LONELY_DEX = 0.05


def to_xspec_text(sed: SED) -> str:
    """Return the lines ``E_low E_high flux error`` of one spectrum.

    Parameters
    ----------
    sed : SED
        Detections with errors, each energy once.

    Returns
    -------
    str
        Energies in keV, photon fluxes in each bin in ph cm-2 s-1: what ``ftflx2xsp`` expects.

    Notes
    -----
    The bins meet half-way between the points, in the logarithm. nuFnu is taken as constant in a
    bin, so that the photon flux is nuFnu (1 / E_low - 1 / E_high).
    """
    sed = sed[np.argsort(filled(sed["nu"]))]
    energy = (filled(sed["nu"]) * u.Hz).to_value(u.keV, equivalencies=u.spectral())
    edges = _edges(energy)
    low, high = edges[:-1], edges[1:]
    to_photons = u.erg.to(u.keV) * (1 / low - 1 / high)
    columns = (low, high, *(filled(sed[name]) * to_photons for name in ("nufnu", "nufnu_err")))
    return "".join(" ".join(map(number, row)) + "\n" for row in zip(*columns, strict=True))


def _edges(energy: Any) -> Any:
    """Return contiguous edges around increasing energies."""
    logs = np.log10(energy)
    if len(logs) == 0:
        return np.empty(1)
    middle = 0.5 * (logs[1:] + logs[:-1])
    widths = np.diff(logs) / 2 if len(logs) > 1 else np.array([_LONELY_DEX])
    return 10 ** np.concatenate([[logs[0] - widths[0]], middle, [logs[-1] + widths[-1]]])


def _usable(sed: SED) -> SED:
    limit = np.asarray(sed["is_upper_limit"], dtype=bool)
    known = np.isfinite(filled(sed["nu"])) & np.isfinite(filled(sed["nufnu"]))
    known &= filled(sed["nufnu_err"]) > 0
    dropped = {
        "upper limits": int(limit.sum()),
        "points without an error": int((~limit & ~known).sum()),
    }
    # Names and dates of one spectrum are its user's own knowledge, and no loss.
    warn_losses(sed, "xspec", holds=sed.colnames, dropped=dropped)
    return sed[known & ~limit]


def write_xspec_groups(sed: SED, directory: str | Path, *, overwrite: bool = False) -> list[Path]:
    """Write one file for ``ftflx2xsp`` for each catalogue and epoch.

    Parameters
    ----------
    sed : SED
        Upper limits and points without an error are left out, with a warning that counts them.
    directory : path
        Made where it is missing.
    overwrite : bool, optional
        Whether files that are already there may be replaced.

    Returns
    -------
    list of `~pathlib.Path`
    """
    folder = Path(directory).expanduser()
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for name, part in spectra(_usable(sed)).items():
        path = folder / f"{file_name(name)}.txt"
        with new_file(path, overwrite=overwrite) as temporary:
            write_text(temporary, to_xspec_text(part))
        paths.append(path)
    return paths


def _write(sed: SED, target: Any, *, overwrite: bool = False) -> None:
    catalogs = sorted(set(text(sed["catalog"]).tolist()))
    if len(catalogs) > 1 or not unique_energies(sed):
        msg = (
            "xspec: a file holds one catalogue with every energy once, not "
            f"{len(catalogs)} catalogues or repeated energies; "
            "select one catalogue and epoch, or use write_xspec_groups(sed, directory)"
        )
        raise InvalidRequestError(msg, parameter="sed")
    write_text(target, to_xspec_text(_usable(sed)), overwrite=overwrite)


register(Dialect("xspec", lambda head: False, None, _write))
