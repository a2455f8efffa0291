#!/bin/sh
# Runs Snakemake: workflow/run.sh PROFILE [arguments of Snakemake]; docs/cluster.md says how.
# PROFILE is a folder of workflow/profiles/, or any other folder with a config.yaml.
set -eu
cd "$(dirname "$0")/.."
workflow/setup.sh

profile=${1:?name a profile: local, slurm, or a folder with a config.yaml}
shift
[ -d "$profile" ] || profile=workflow/profiles/$profile
# Held until the last of its processes ends, so that what a killed one left running is not met.
exec 9>.snakemake.lock
flock --nonblock 9 || {
    echo "error: another Snakemake runs here, or a job of one that was killed: wait for it" >&2
    exit 2
}
exec .venv-workflow/bin/python -m snakemake --snakefile workflow/Snakefile --profile "$profile" "$@"
