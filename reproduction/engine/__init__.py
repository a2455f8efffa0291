"""Running rows: one at a time, in parallel, kept on disk with where they come from."""
