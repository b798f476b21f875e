"""Protons in the blob: their losses, decay products, cascades and neutrinos."""
