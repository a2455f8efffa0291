"""Run a table of changed experiments: see docs/cluster.md."""

from reproduction import cli
from reproduction.sweeps import commands

if __name__ == "__main__":
    cli.run_script(commands.main)
