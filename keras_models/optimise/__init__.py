"""Optimisers: Adam in compiled loops, a dense self-scaled Broyden method, an exact last layer."""
