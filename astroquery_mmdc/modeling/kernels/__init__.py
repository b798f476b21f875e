"""Kernels of emission in cgs: one zone of electrons and photons, their tables and steady state.

No Quantity enters here. The modules hold what all models share; `ssc` solves the zone alone.
"""
