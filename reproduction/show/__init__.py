"""Showing results: errors, the gathered numbers, tables, verdicts, the page."""
