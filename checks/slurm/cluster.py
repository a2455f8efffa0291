"""A cluster of one node: munge, slurmctld and slurmd, with all their files in one folder."""

import contextlib
import os
import platform
import secrets
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

# Where srun looks inside of a job, whose environment Snakemake clears of SLURM's own names.
USUAL = Path("/etc/slurm/slurm.conf")
PROGRAMS = ("munged", "slurmctld", "slurmd", "sbatch")
PACKAGES = ("slurmctld", "slurmd", "slurm-client", "munge")
MEMORY_MB, CORES = 8000, 2
CONF = """
ClusterName=check
SlurmctldHost={node}(127.0.0.1)
SlurmUser=root
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket
SlurmctldPort={ports[0]}
SlurmdPort={ports[1]}
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
EnforcePartLimits=ALL
MinJobAge=86400
KillWait=5
NodeName={node} NodeAddr=127.0.0.1 CPUs={cores} Boards=1 SocketsPerBoard=1 CoresPerSocket={cores} \
ThreadsPerCore=1 RealMemory={memory}
PartitionName=main Nodes=ALL Default=YES MaxTime=600 State=UP
PartitionName=short Nodes=ALL MaxTime=1 State=UP
"""


class Cluster:
    """A running cluster.

    Args:
        folder: of all its files.
    """

    def __init__(self, folder: Path) -> None:
        self.folder, self.node = Path(folder), platform.node().split(".")[0]
        self.environment = {**os.environ, "SLURM_CONF": str(self.folder / "slurm.conf")}

    def ask(self, *command: str) -> str:
        """Output of a command of SLURM's. Raises CalledProcessError if it fails."""
        done = subprocess.run(
            command, env=self.environment, check=True, capture_output=True, text=True, timeout=60
        )
        return done.stdout

    def jobs(self, state: str) -> list[str]:
        """Numbers of the jobs in a state, such as "RUNNING"."""
        return self.ask("squeue", "--noheader", "--format=%i", f"--states={state}").split()

    def node_state(self) -> str:
        """Of the node, such as "idle"."""
        return self.ask("sinfo", "--noheader", "--format=%T", "--partition=main").strip()

    def drain(self, is_drained: bool) -> None:
        """Let no further job start on the node, or let them again."""
        change = ("State=DRAIN", "Reason=check") if is_drained else ("State=RESUME",)
        self.ask("scontrol", "update", f"NodeName={self.node}", *change)


@contextlib.contextmanager
def cluster(folder: Path) -> Iterator[Cluster]:
    """Start a cluster, and stop it when the block ends.

    Raises:
        RuntimeError: its packages are missing, or it does not come up.
    """
    lacking = [name for name in PROGRAMS if not _path(name)]
    if lacking:
        raise RuntimeError(f"{lacking[0]} is missing: apt-get install {' '.join(PACKAGES)}")
    if os.geteuid():
        raise RuntimeError("SLURM's daemons run as root here: run this as root")
    if USUAL.is_symlink() and not USUAL.exists():
        USUAL.unlink()  # of a check that was killed
    if USUAL.exists():
        raise RuntimeError(f"{USUAL} is there: this machine has a SLURM of its own")
    found = Cluster(folder)
    for name in ("state", "spool"):
        (found.folder / name).mkdir(parents=True)
    # munge and slurmd ask that nobody else can write here.
    found.folder.chmod(0o755)
    key = found.folder / "munge.key"
    key.write_bytes(secrets.token_bytes(1024))
    key.chmod(0o600)
    text = CONF.format(
        folder=found.folder, node=found.node, ports=_ports(2), cores=CORES, memory=MEMORY_MB
    )
    (found.folder / "slurm.conf").write_text(text.lstrip(), encoding="utf-8")
    names = {
        name: f"--{name}-file={found.folder}/munge.{end}"
        for name, end in {"pid": "pid", "log": "log", "seed": "seed", "key": "key"}.items()
    }
    daemons = (
        ("munged", "--foreground", f"--socket={found.folder}/munge.socket", *names.values()),
        ("slurmctld", "-D"),
        ("slurmd", "-D", "-N", found.node),
    )
    started: list[subprocess.Popen] = []
    USUAL.parent.mkdir(parents=True, exist_ok=True)
    USUAL.symlink_to(found.folder / "slurm.conf")
    try:
        for command in daemons:
            started.append(_start(command, found))
            time.sleep(1)
        _until_up(found, started)
        yield found
    finally:
        USUAL.unlink()
        for process in reversed(started):
            process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(20)
            if process.poll() is None:
                process.kill()


def _start(command: Sequence[str], found: Cluster) -> subprocess.Popen:
    log = open(found.folder / f"{command[0]}.out", "wb")  # noqa: SIM115
    return subprocess.Popen(
        [_path(command[0]), *command[1:]],
        stdin=subprocess.DEVNULL,
        stdout=log,
        stderr=log,
        env=found.environment,
    )


def _until_up(found: Cluster, started: Sequence[subprocess.Popen], seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    state = "no answer"
    while time.monotonic() < end:
        for process in started:
            if process.poll() is not None:
                raise RuntimeError(
                    f"{process.args[0]} ended with status {process.returncode}: "
                    f"{_last_line(found.folder, Path(process.args[0]).name)}"
                )
        with contextlib.suppress(subprocess.SubprocessError):
            if (state := found.node_state()) == "idle":
                return
        time.sleep(0.5)
    raise RuntimeError(f"the node is not idle after {seconds:.0f} s: {state}")


def _last_line(folder: Path, program: str) -> str:
    lines = (folder / f"{program}.out").read_text(errors="replace").strip().splitlines()
    return lines[-1] if lines else "it says nothing"


def _path(program: str) -> str | None:
    return shutil.which(program, path=f"{os.environ['PATH']}:/usr/sbin:/sbin")


def _ports(count: int) -> list[int]:
    """Ports of this machine that are free."""
    with contextlib.ExitStack() as stack:
        opened = [stack.enter_context(socket.socket()) for _ in range(count)]
        for one in opened:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in opened]
