"""Presentation of results: error metrics, gathered numbers, tables, verdicts, the report page."""
