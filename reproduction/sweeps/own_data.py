"""Data of a sweep: the project's trajectories, and files of the user's own in their form."""

import contextlib
from dataclasses import asdict, replace
from pathlib import Path

from data_gen.dataset import Dataset, load, save
from data_gen.errors import DataError
from data_gen.files import sha256
from data_gen.origin import load_made
from data_gen.reading import read_frames
from data_gen.sources import FileSettings
from fitting.config import path_of
from reproduction import cli
from reproduction.engine.experiment import DataSource, Experiment
from reproduction.sections import SOURCES


class OwnData:
    """Files of a sweep.

    Args:
        folder: that their paths are relative to, of the CSV.
        into: folder of the datasets, that of the project's trajectories.
        quick: whether experiments are at quick size.
    """

    def __init__(self, folder: Path, into: Path, quick: bool) -> None:
        self.folder, self.into, self.quick = Path(folder), Path(into), quick
        # By name and checksum: a published file of the project's may have the same name.
        self._read: dict[tuple[str, str], Dataset] = {}
        self._loaded: dict[str, DataSource] = {}
        # Those that are checked, and read by a training itself.
        self._sources: dict[str, DataSource] = {}

    def file(self, name: str) -> str:
        """Absolute path of a file that can be read, as scripts/train.py takes it.

        Raises:
            DataError: it is missing or unusable.
        """
        path = self.folder.absolute() / name
        if not path_of(str(path)).is_file():
            raise DataError(f"there is no file {name} beside the CSV ({path.parent})")
        if name not in self._sources:
            read_frames(str(path))
            self._sources[name] = self.unread(str(path))
        return str(path)

    def unread(self, path: str) -> DataSource:
        """A source that stands for a file which scripts/train.py reads by itself."""
        file = path_of(path)
        return DataSource(file.name, FileSettings(file.name, sha256(file)))

    def source(self, name: str) -> DataSource:
        """The dataset that a cell means.

        Raises:
            DataError: there is no such dataset and no such file, or it is unusable.
        """
        if name in SOURCES:
            return SOURCES[name]
        path = self.folder / name
        if not path.is_file():
            known = ", ".join(SOURCES)
            raise DataError(f"there is no file {path} and no dataset {name!r}; there is {known}")
        if name not in self._loaded:
            sum_ = sha256(path)
            self._read[name, sum_] = load(path)
            self._loaded[name] = DataSource(f"own-{path.stem}-{sum_[:8]}", FileSettings(name, sum_))
        return self._loaded[name]

    def read(self, experiment: Experiment) -> Dataset | None:
        """The frames of an experiment's data, if these are a file of the user's own."""
        origin = experiment.data.origin
        if not isinstance(origin, FileSettings):
            return None
        found = self._read.get((origin.file, origin.sha256))
        return found[: origin.frames] if found else None

    def check(self, experiment: Experiment) -> None:
        """Raise DataError if an own file has too few frames for an experiment's parts."""
        if (data := self.read(experiment)) is not None:
            experiment.folds(data)

    def write(self, experiment: Experiment) -> None:
        """Write an experiment's dataset if it is a file of the user's own, and not there yet."""
        source, data = experiment.data, self.read(experiment)
        path = self.into / f"{source.name}.traj"
        if data is None:
            return
        with contextlib.suppress(DataError):
            load_made(path, source.origin)
            return
        with cli.alone(self.into, source.name):
            save(replace(data, metadata={"file": asdict(source.origin)}), path)
