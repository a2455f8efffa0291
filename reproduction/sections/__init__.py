"""The sections of the report, and of what goes past it: rows, tables and claims of each."""
