"""What the report leaves to be analysed: EMT itself, what the MLPs learned, how samples correlate."""
