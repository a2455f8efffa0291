"""The workflow on a real SLURM: one node, from Debian's packages, started and stopped here."""
