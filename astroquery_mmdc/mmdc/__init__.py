"""Queries to the MMDC service."""

from astroquery_mmdc.mmdc.core import MMDC, MMDCClass

__all__ = ["MMDC", "MMDCClass"]
