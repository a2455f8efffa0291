"""The experiments behind each row of the report: definitions, execution and results."""
