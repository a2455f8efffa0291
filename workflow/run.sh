#!/bin/sh
# Runs Snakemake: workflow/run.sh PROFILE [arguments of Snakemake]; docs/cluster.md says how.
# PROFILE is a folder of workflow/profiles/, or any other folder with a config.yaml.
set -eu
stop() { echo "error: $1" >&2; exit 2; }

caller=$PWD
profile=${1:-}
[ -n "$profile" ] || stop "name a profile: local, slurm, or a folder with a config.yaml"
shift
[ ! -f "$profile/config.yaml" ] || profile=$(cd "$profile" && pwd)
# Paths are as they are seen from where this is called.
for argument; do
    shift
    case $argument in
        sweep=/* | folder=/*) ;;
        sweep=?* | folder=?*) argument=${argument%%=*}=$caller/${argument#*=} ;;
    esac
    set -- "$@" "$argument"
done

cd "$(dirname "$0")/.."
[ -f "$profile/config.yaml" ] || profile=workflow/profiles/$profile
[ -f "$profile/config.yaml" ] || stop "there is no profile $profile: no config.yaml is there"
# --config on the command line would replace all of it.
! grep -q '^config:' "$profile/config.yaml" ||
    stop "$profile/config.yaml has config: put it into settings.yaml beside it (docs/cluster.md)"
workflow/setup.sh

# For as long as Snakemake itself lives. Jobs that a killed one left running have locks of their own,
# of their runs, and the same job waits for them.
exec 9>.snakemake.lock
flock --nonblock 9 || stop "another Snakemake runs in this checkout, which takes one at a time"
exec .venv-workflow/bin/python -m snakemake --snakefile workflow/Snakefile --profile "$profile" "$@"
