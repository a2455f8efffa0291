"""Figures, one module each, drawn from stored results; the first lines are their captions."""
