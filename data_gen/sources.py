"""Where data come from: dynamics that the project runs, or a published file that comes with it."""

import hashlib
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from data_gen.dataset import Dataset, load
from data_gen.dynamics import DynamicsSettings, run_dynamics
from data_gen.errors import DataError

FOLDER = Path(__file__).parent / "published"


@dataclass(frozen=True)
class FileSettings:
    """A file with frames of one system, with energies and forces.

    Attributes:
        file: its name in data_gen/published/, where README.md gives source and licence.
        sha256: of the file.
        frames: how many from its start; None for all.
    """

    file: str
    sha256: str
    frames: int | None = None

    def __post_init__(self) -> None:
        if self.frames is not None and self.frames < 1:
            raise DataError(f"{self.file}: at least one frame, not {self.frames}")


Origin = DynamicsSettings | FileSettings
# Under which name metadata give the settings.
NAMES = {DynamicsSettings: "dynamics", FileSettings: "file"}


def make(origin: Origin) -> Dataset:
    """Run the dynamics, or read the file; the settings are in the result's metadata.

    Raises:
        DataError: a limit of the dynamics is exceeded; the file is missing, is another than the
            settings say, or has no usable frames.
    """
    return run_dynamics(origin) if isinstance(origin, DynamicsSettings) else read_published(origin)


def read_published(settings: FileSettings, folder: Path = FOLDER) -> Dataset:
    """Read a published file, once its checksum is known to be right.

    Raises:
        DataError: as for :func:`make`.
    """
    path = folder / settings.file
    try:
        found = hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror})") from None
    if found != settings.sha256:
        raise DataError(f"{path}: its checksum is {found}, not {settings.sha256}")
    return replace(load(path)[: settings.frames], metadata={"file": asdict(settings)})
