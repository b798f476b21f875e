"""The vocabulary: columns, units, catalogues, coordinates and the wire format.

Names of the services appear only here; every other room speaks of ``nu``, ``nufnu``,
``is_upper_limit`` and the like.
"""
