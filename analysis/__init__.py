"""Analyses of data and of trained models, independent of experiments, runs and tables.

Topics: EMT's functions, the functions that the MLPs learned, correlation between samples, the best
pair potential, and the use of models for dynamics, minima, vibrations and error bars.
"""
