"""Photons from outside the blob: disk, broad line region, torus; and the external Compton model."""
