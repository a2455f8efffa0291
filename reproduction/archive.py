"""One file for a data repository (`make archive`): all that is committed, in dist/.

A tar of the files at HEAD, results and models among them, and of two more:

- ``ARCHIVE.json``: version, commit, and the checksum of each dataset that the results were made
  from (:meth:`data_gen.dataset.Dataset.checksum`), which scripts/01_generate_data.py makes again;
- ``SHA256SUMS``: of every file, for ``sha256sum -c SHA256SUMS``.

Same commit, same bytes: names in order, the commit's time, no owner, and no compression, whose
bytes would depend on the library's version; most of the results are compressed anyway.
"""

import argparse
import hashlib
import io
import json
import re
import tarfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from data_gen.files import replacing, sha256
from reproduction import cli
from reproduction.engine.checkout import NO_CHECKOUT, git, no_checkout, said
from reproduction.engine.experiment import Experiment
from reproduction.engine.provenance import ARCHIVE, ROOT
from reproduction.errors import ReproductionError
from reproduction.sections import EXPERIMENTS

NAME = "neural-network-potentials"
ABOUT, SUMS = ARCHIVE, "SHA256SUMS"
PROVENANCE, CITATION = "results/provenance.json", "CITATION.cff"


def committed(folder: Path) -> dict[str, tuple[bytes, bool]]:
    """Content of the files at HEAD, and whether they may be executed, by path.

    Raises:
        ReproductionError: the folder is no checkout, differs from HEAD, or has symbolic links.
    """
    if why := no_checkout(folder):
        raise ReproductionError(f"{folder} is {NO_CHECKOUT}: {why}")
    changes = git(folder, "status", "--porcelain")
    # Lines end as they are committed, whatever the user's settings.
    as_committed = ("-c", "core.autocrlf=false", "-c", "core.eol=lf")
    packed = git(folder, *as_committed, "archive", "--format=tar", "HEAD")
    if changes is None or packed is None:
        raise ReproductionError(f"git does not say what is committed in {folder}")
    if changes:
        first, *others = changes.decode("utf-8", "replace").splitlines()
        more = f" and {len(others)} more" if others else ""
        raise ReproductionError(f"not committed: {first[3:]}{more}; the archive is of a commit")
    files = {}
    with tarfile.open(fileobj=io.BytesIO(packed)) as tar:
        for one in tar:
            if one.isfile():
                files[one.name] = (tar.extractfile(one).read(), bool(one.mode & 0o100))
            elif not one.isdir():
                raise ReproductionError(f"{one.name} is a link, which the archive has no place for")
    return files


def data_checksums(provenance: Mapping, rows: Mapping[str, Experiment]) -> dict[str, str]:
    """Checksums of the datasets that runs were made from.

    Args:
        provenance: {experiment: {seed: provenance of the run}}.
        rows: all experiments by id.

    Returns:
        {dataset: SHA-256}, by name.

    Raises:
        ReproductionError: runs were made from different data of one name.
    """
    found: dict[str, str] = {}
    for name, runs in provenance.items():
        for seed, run in runs.items():
            dataset = rows[name].of_seed(int(seed)).dataset
            if found.setdefault(dataset, run["data_sha256"]) != run["data_sha256"]:
                raise ReproductionError(f"{name}, seed {seed}: its {dataset} is not that of others")
    return dict(sorted(found.items()))


def contents(folder: Path, rows: Mapping[str, Experiment]) -> tuple[str, dict]:
    """Name of the archive, and its files as in :func:`committed`.

    Raises:
        ReproductionError: as :func:`committed` and :func:`data_checksums`; a file that the archive
            is for is missing.
    """
    files = committed(folder)
    for needed in (CITATION, PROVENANCE):
        if needed not in files:
            raise ReproductionError(f"{needed} is not committed")
    version = re.search(r"^version: *(\S+)$", files[CITATION][0].decode("utf-8"), flags=re.M)
    if version is None:
        raise ReproductionError(f"{CITATION} names no version")
    about = {
        "name": NAME,
        "version": version[1],
        "commit": said(folder, "rev-parse", "HEAD"),
        "data_sha256": data_checksums(json.loads(files[PROVENANCE][0]), rows),
    }
    files[ABOUT] = (f"{json.dumps(about, indent=1)}\n".encode(), False)
    sums = "".join(
        f"{hashlib.sha256(content).hexdigest()}  {name}\n"
        for name, (content, _) in sorted(files.items())
    )
    files[SUMS] = (sums.encode(), False)
    return f"{NAME}-{version[1]}", files


def write(folder: Path, target: Path, rows: Mapping[str, Experiment]) -> Path:
    """Write the archive of a checkout into the folder ``target``; returns its path.

    Raises:
        ReproductionError: as :func:`contents`.
    """
    name, files = contents(folder, rows)
    when = int(said(folder, "log", "-1", "--format=%ct"))
    path = target / f"{name}.tar"
    with (
        replacing(path) as scratch,
        tarfile.open(scratch, "w", format=tarfile.USTAR_FORMAT) as tar,
    ):
        for member, (content, executable) in sorted(files.items()):
            about = tarfile.TarInfo(f"{name}/{member}")
            about.size, about.mtime = len(content), when
            about.mode = 0o755 if executable else 0o644
            tar.addfile(about, io.BytesIO(content))
    return path


def main(argv: Sequence[str]) -> int:
    """Write the archive and print its checksum; returns the exit status."""
    p = argparse.ArgumentParser(prog="python -m reproduction.archive", description=__doc__)
    p.add_argument("--folder", type=Path, default=ROOT, help="the checkout (default: this one)")
    folder = p.parse_args(argv).folder
    path = write(folder, folder / "dist", EXPERIMENTS)
    out = cli.console()
    out.print(f"{path.stat().st_size / 1e6:.1f} MB, a top folder of its own: {path}", markup=False)
    out.print(f"sha256 {sha256(path)}", markup=False)
    return 0


if __name__ == "__main__":
    cli.run_script(main)
