"""Optimisers: Adam in a compiled loop, and a dense self-scaled Broyden method."""
