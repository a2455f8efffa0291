"""The workflow on this machine's cores: killed again and again, its overhead, and idle cores."""
