"""Atoms, potential and dynamics -> :class:`~data_gen.dataset.Dataset`."""
