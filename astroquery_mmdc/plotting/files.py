"""Figures as files."""

from __future__ import annotations

import io
import os
from pathlib import Path
from typing import Any

from astroquery_mmdc._files import path_ending, write_atomic
from astroquery_mmdc.plotting.style import one_at_a_time

__all__ = ["save_figure"]

_ENDINGS = (".png", ".svg", ".pdf")


@one_at_a_time
def save_figure(
    figure: Any, path: str | os.PathLike[str], *, dpi: float = 200, overwrite: bool = True
) -> Path:
    """Write a figure to a file, which is there whole or not at all.

    Parameters
    ----------
    figure : `~matplotlib.figure.Figure` or `~matplotlib.axes.Axes`
        What `plot_sed` or `plot_lightcurve` returned.
    path : path
        Ends with .png, .svg or .pdf.
    dpi : float, optional
        Dots per inch.
    overwrite : bool, optional
        Whether a file that is already there may be replaced.

    Returns
    -------
    `~pathlib.Path`

    Raises
    ------
    InvalidRequestError
        The ending is another one, or the file exists and must not be replaced.

    Examples
    --------
    >>> import tempfile
    >>> from astroquery_mmdc.plotting.style import new_figure
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     save_figure(new_figure(2, 1), f"{folder}/empty.png").name
    'empty.png'
    """
    target = path_ending(path, _ENDINGS)
    kind = target.suffix.lower().removeprefix(".")
    content = io.BytesIO()
    # Axes know their figure; a figure knows itself.
    figure.get_figure().savefig(content, format=kind, dpi=dpi)
    return write_atomic(target, content.getvalue(), overwrite=overwrite)
