#!/bin/sh
# Installs SLURM from Debian's packages if it is missing.
set -eu
if command -v sbatch >/dev/null && PATH=$PATH:/usr/sbin command -v slurmctld >/dev/null; then
    exit 0
fi
packages="slurmctld slurmd slurm-client munge"
if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
    echo "error: SLURM is missing; as root on Debian: apt-get install $packages" >&2
    exit 2
fi
echo "installing SLURM (apt-get) ..."
export DEBIAN_FRONTEND=noninteractive
{ apt-get update && apt-get install -y --no-install-recommends $packages; } >/dev/null
