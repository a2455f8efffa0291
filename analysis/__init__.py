"""Analyses: EMT itself, what the MLPs learned, how samples correlate, what models are good for."""
