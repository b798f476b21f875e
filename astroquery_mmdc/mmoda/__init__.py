"""Products of a MMODA dispatcher: instruments, parameters, tokens, jobs."""

from astroquery_mmdc.mmoda.core import MMODA, MMODAClass
from astroquery_mmdc.mmoda.jobs import ProductHandle
from astroquery_mmdc.mmoda.names import ResolvedName
from astroquery_mmdc.mmoda.parameters import UnknownParameterWarning
from astroquery_mmdc.mmoda.protocol import Report
from astroquery_mmdc.mmoda.tokens import Token

__all__ = [
    "MMODA",
    "MMODAClass",
    "ProductHandle",
    "Report",
    "ResolvedName",
    "Token",
    "UnknownParameterWarning",
]
