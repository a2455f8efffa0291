"""Running experiments in parallel, and storing their results on disk with their provenance."""
