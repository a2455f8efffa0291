"""What can be learned from data and trained models: EMT taken apart, what the MLPs learned, how
far samples repeat each other, and whether a model serves for dynamics, minima and vibrations.

Every module works on arrays, datasets, models and ASE calculators, and returns numbers; none knows
of experiments, runs or tables.
"""
