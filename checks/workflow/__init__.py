"""The workflow on this machine's cores: its ends, kills, its overhead, and idle cores."""
