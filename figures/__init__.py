"""A module a figure: each loads stored results, draws and saves; nothing is trained here."""
