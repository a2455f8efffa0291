"""Analyses of data and of trained models: numbers out of arrays, datasets, models, calculators.

EMT taken apart, what the MLPs learned, how far samples repeat each other, what pairs alone can do,
and whether a model serves for dynamics, minima, vibrations and error bars. Nothing here knows of
experiments, runs or tables.
"""
