"""Sweeps: a table of changed experiments that a user writes, as jobs, and their results."""
