"""Which row of the report is which experiment, how it is run, and what came out."""
