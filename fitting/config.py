"""What to train on, and how: the settings of a training, as JSON or TOML.

A training writes its settings whole as ``config.json``; trained again, they give the same bits on
the same machine. Of settings written by hand, what is missing is chosen from the data.
"""

import hashlib
import json
import math
import os
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import Any

from data_gen.division import KINDS, SHARE
from data_gen.files import sha256, write_text
from data_gen.reading import SHORT_A
from fitting.errors import FittingError
from fitting.leaving_out import by_file, parts, renamed
from fitting.show import plain
from keras_models.settings import EdgeSettings

NAME = "config.json"
MINUTES = 10.0
# Attributes of EdgeFitSettings but the training: "name" is its model.
OF_MODEL = ("name", "widths", "activation", "options", "dtype")
# The validation block follows from the split.
OF_TRAINING = tuple(f.name for f in fields(EdgeSettings) if f.name != "validation")
SWITCHES = tuple(f.name for f in fields(EdgeSettings) if f.type is bool)
COUNTS = tuple(f.name for f in fields(EdgeSettings) if f.type is int)
# Of weights and arithmetic: others have too few digits for training.
DTYPES = ("float32", "float64")
# Settings whose differences are told first, and how many are.
FIRST = (
    *("files", "test", "leave_out", "continue_from"),
    *("model.name", "seeds", "minutes", "training.steps"),
)
TOLD = 3
LARGEST_SEED = 2**32 - 1
# Cutoffs of neighbours, Å: shorter ones hold hardly a bond, and longer ones too many neighbours.
CUTOFFS = (SHORT_A, 30.0)


@dataclass(frozen=True)
class Config:
    """Settings of a training.

    Attributes:
        files: data, in the order of their frames; ASE's slices ("md.traj@::10") are allowed.
        test: data to test on; without any, a part of ``files`` is.
        leave_out: frames of these files that are not read, see
            :func:`fitting.leaving_out.by_file`.
        energy_key, forces_key: where the labels are; None to look for them.
        split: "blocks", contiguous ones, or "random" frames; what is tested and validated on.
        test_share: share of ``files`` that is tested on, unless ``test`` is given.
        validation_share: share of the others that is validated on; None for a tenth, or less where
            measuring the errors of so many frames would take too long.
        seeds: of the weights, one model each; several are an ensemble. If empty: as many models
            as are continued from, or one for each core, as far as memory suffices, at most four.
        minutes: to wait for all of it, evaluation included, from which ``training["steps"]``
            follows by timing a few steps, unless it is given.
        continue_from: file or folder of trained models to begin with, or None.
        model: {"name", "widths", "activation", "options", "dtype"} of
            :class:`~keras_models.fit_edges.EdgeFitSettings`, or some of these.
        training: attributes of :class:`~keras_models.settings.EdgeSettings`, or some of these.
        sha256: {file: checksum} of ``files``, ``test`` and ``continue_from``, as far as known.

    Raises:
        FittingError: a value makes no sense.
    """

    files: tuple[str, ...] = ()
    test: tuple[str, ...] = ()
    leave_out: tuple[str, ...] = ()
    energy_key: str | None = None
    forces_key: str | None = None
    split: str = KINDS[0]
    test_share: float = SHARE
    validation_share: float | None = None
    seeds: tuple[int, ...] = ()
    minutes: float | None = MINUTES
    continue_from: str | None = None
    model: Mapping[str, Any] = field(default_factory=dict)
    training: Mapping[str, Any] = field(default_factory=dict)
    sha256: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name in ("files", "test", "leave_out", "seeds"):
            value = getattr(self, name)
            if isinstance(value, (str, bytes)) or not isinstance(value, Sequence):
                raise FittingError(f"{name} must be a list, not {value!r}")
            object.__setattr__(self, name, tuple(value))
        for name in ("model", "training", "sha256"):
            if not isinstance(getattr(self, name), Mapping):
                raise FittingError(f"{name} must be a table, not {getattr(self, name)!r}")
        if not all(isinstance(path, str) for path in (*self.files, *self.test, *self.leave_out)):
            raise FittingError("files, test and leave_out must be lists of paths in quotes")
        by_file(self.leave_out)
        for name in ("energy_key", "forces_key", "continue_from"):
            value = getattr(self, name)
            if value is not None and not isinstance(value, str):
                raise FittingError(f"{name} must be a text in quotes, not {value!r}")
        if self.split not in KINDS:
            raise FittingError(f"split must be {' or '.join(KINDS)}, not {self.split!r}")
        for name in ("test_share", "validation_share"):
            share = getattr(self, name)
            if name == "validation_share" and share is None:
                continue
            if not is_number(share) or not 0 <= share < 1:
                raise FittingError(f"{name} must be a number from 0 to below 1, not {share!r}")
        are_whole = all(type(k) is int and 0 <= k <= LARGEST_SEED for k in self.seeds)
        if not are_whole or len(set(self.seeds)) < len(self.seeds):
            raise FittingError(
                f"seeds must be different whole numbers from 0 to {LARGEST_SEED}, not {self.seeds}"
            )
        _check_minutes(self.minutes)
        _check_names("model", self.model, OF_MODEL)
        _check_names("training", self.training, OF_TRAINING)
        object.__setattr__(self, "model", _checked_model(self.model))
        training = dict(self.training)
        for name, value in self.training.items():
            if name in SWITCHES:
                if not isinstance(value, bool):
                    raise FittingError(f"training.{name} must be true or false, not {value!r}")
            elif name in COUNTS:
                training[name] = whole(f"training.{name}", value)
            elif name == "stages":
                if not _are_pairs(value):
                    raise FittingError(
                        f"training.stages must be a list of [stride, iterations], not {value!r}"
                    )
            elif not is_number(value):
                raise FittingError(f"training.{name} must be a number, not {value!r}")
        object.__setattr__(self, "training", training)

    @property
    def steps(self) -> int | None:
        """Steps of training, if they are given."""
        return self.training.get("steps")

    def with_steps(self, steps: int) -> "Config":
        """The same settings with another number of steps."""
        return replace(self, training={**self.training, "steps": steps})

    @property
    def read(self) -> tuple[str, ...]:
        """All that is read: files, test, continue_from."""
        return (*self.files, *self.test, *([self.continue_from] if self.continue_from else []))

    @property
    def named(self) -> tuple[str, ...]:
        """All paths: what is read, and the files of frames that are left out, without slices."""
        return (*self.read, *(file for file, _ in map(parts, self.leave_out)))

    def moved(self, change) -> "Config":
        """The same settings with a function applied to every path of :attr:`named`."""
        return replace(
            self,
            files=tuple(map(change, self.files)),
            test=tuple(map(change, self.test)),
            leave_out=tuple(renamed(entry, change) for entry in self.leave_out),
            continue_from=change(self.continue_from) if self.continue_from else None,
            sha256={change(path): found for path, found in self.sha256.items()},
        )

    def with_checksums(self) -> "Config":
        """The same settings with the checksums of all files.

        Raises:
            FittingError: a file is missing, or is another than the settings say.
        """
        found = {path: checksum(path) for path in self.read}
        for path, was in self.sha256.items():
            if found.get(path, was) != was:
                raise FittingError(
                    f"{path} has changed since the settings were written: give the file as it was, "
                    "or take its checksum out of the settings"
                )
        return replace(self, sha256=found)

    def differences(self, other: "Config") -> list[str]:
        """Names of what differs, such as "training.steps"."""
        both = (asdict(c.moved(os.path.abspath)) for c in (self, other))
        one, two = (_flat(json.loads(json.dumps(c))) for c in both)
        return sorted(name for name in {*one, *two} if one.get(name) != two.get(name))

    def told(self, other: "Config") -> str:
        """The differences that matter most, with the values here ("before") and of the other."""
        names = self.differences(other)
        own = [name for name in names if not name.startswith("sha256.")]
        if not own:
            changed = ", ".join(Path(name.removeprefix("sha256.")).name for name in names)
            return f"the contents of {changed}"
        own.sort(key=lambda name: (FIRST.index(name) if name in FIRST else len(FIRST), name))
        one, two = (_flat(asdict(c)) for c in (self, other))
        words = [f"{n} ({_short(one.get(n))} before, {_short(two.get(n))} now)" for n in own[:TOLD]]
        more = f" and {len(own) - TOLD} more" if len(own) > TOLD else ""
        return f"{', '.join(words)}{more}"


OF_ALL = tuple(f.name for f in fields(Config))


def path_of(name: str) -> Path:
    """The file that a name with ASE's slice means ("md.traj@::10" -> "md.traj")."""
    return Path(name if Path(name).exists() else name.rsplit("@", 1)[0])


def checksum(name: str) -> str:
    """SHA-256 of a file, of a folder's models in their order, or of all files of one without.

    Raises:
        FittingError: there is no such file.
    """
    path = path_of(name)
    if not path.exists():
        raise FittingError(f"there is no file {path}")
    try:
        if path.is_dir():
            # As keras_models.opening, which takes long to import: those of the folder, or else of
            # its models/, and no hidden ones, which are unfinished.
            every = (sorted(place.glob("[!.]*.keras")) for place in (path, path / "models"))
            if models := next(filter(None, every), None):
                return ",".join(map(sha256, models))
            # A format of ASE's that is a folder.
            whole = hashlib.sha256()
            for file in sorted(p for p in path.rglob("*") if p.is_file()):
                whole.update(f"{file.relative_to(path)}\n{sha256(file)}\n".encode())
            return whole.hexdigest()
        return sha256(path)
    except OSError as error:
        raise FittingError(f"{path} cannot be read ({error.strerror})") from None


def read_config(path: Path) -> Config:
    """Settings from a JSON or TOML file, in which paths are relative to its folder.

    Raises:
        FittingError: the file cannot be read, or has something else in it.
    """
    path = Path(path)
    try:
        text = path.read_text(encoding="utf-8")
        entries = tomllib.loads(text) if path.suffix.lower() == ".toml" else json.loads(text)
    except OSError as error:
        raise FittingError(f"{path} cannot be read ({error.strerror})") from None
    except ValueError as error:
        kind = "TOML" if path.suffix.lower() == ".toml" else "JSON"
        raise FittingError(f"{path} is not {kind} ({str(error).splitlines()[0]})") from None
    if not isinstance(entries, dict):
        raise FittingError(f"{path} has no settings: it is {type(entries).__name__}, not a table")
    try:
        _check_names("settings", entries, OF_ALL)
        config = Config(**entries)
    except FittingError as error:
        raise FittingError(f"{path}: {error}") from None
    return config.moved(lambda name: os.path.normpath(path.parent / name))


def write_config(config: Config, path: Path) -> None:
    """Write settings as JSON, with paths relative to the file's folder."""
    folder = Path(path).absolute().parent
    relative = config.moved(lambda name: os.path.relpath(name, folder))
    text = json.dumps(asdict(relative), indent=2, ensure_ascii=False)
    write_text(Path(path), text + "\n")


def _short(value: Any) -> str:
    """A value in a sentence; of paths the last parts, of many the first."""
    if isinstance(value, (list, tuple)) and value and all(isinstance(x, str) for x in value):
        names = [os.path.join(*Path(x).parts[-2:]) for x in value]
        return ", ".join(names[:2]) + (f" and {len(names) - 2} more" if names[2:] else "")
    return plain(value)


def _flat(entries: Mapping, prefix: str = "") -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in entries.items():
        if isinstance(value, Mapping) and value:
            found |= _flat(value, f"{prefix}{name}.")
        elif value != {}:
            found[prefix + name] = value
    return found


def _check_names(what: str, given: Mapping, known: Sequence[str]) -> None:
    unknown = sorted(set(given) - set(known))
    if not unknown:
        return
    name = unknown[0]
    tables = {"training": OF_TRAINING, "model": OF_MODEL, "settings": OF_ALL}
    for table, names in tables.items():
        if table != what and name in names:
            where = f"under [{table}]" if table != "settings" else "before all [tables]"
            raise FittingError(f"{what} has no {name!r}: put it {where}")
    more = "; the model's own options are under [model.options]" if what == "model" else ""
    raise FittingError(f"{what} has no {name!r}: choose from {', '.join(known)}{more}")


def _checked_model(given: Mapping) -> dict[str, Any]:
    """Settings of a model, with whole numbers as widths; the builder checks the others.

    What is None is not given.
    """
    found = {name: value for name, value in given.items() if value is not None}
    dtype, widths, options = (found.get(name) for name in ("dtype", "widths", "options"))
    if dtype is not None and dtype not in DTYPES:
        raise FittingError(f"model.dtype must be {' or '.join(DTYPES)}, not {dtype!r}")
    if widths is not None:
        if not isinstance(widths, (list, tuple)):
            raise FittingError(f"model.widths must be a list of whole numbers, not {widths!r}")
        found["widths"] = _whole_numbers("model.widths", widths)
    if options is not None:
        if not isinstance(options, Mapping):
            raise FittingError(f"model.options must be a table, not {options!r}")
        (least, most), cutoff = CUTOFFS, options.get("cutoff", SHORT_A)
        if not (is_number(cutoff) and least <= cutoff <= most):
            raise FittingError(
                f"model.options.cutoff must be a number from {least:g} to {most:g} Å, "
                f"not {cutoff!r}"
            )
    return found


def _whole_numbers(name: str, value):
    if isinstance(value, (list, tuple)):
        return type(value)(_whole_numbers(name, one) for one in value)
    return whole(name, value, least=1)


def whole(name: str, value, least: int | None = None) -> int:
    """A count, which may be written as 2e3. Raises FittingError if it is none."""
    if (
        is_number(value)
        and math.isfinite(value)
        and value == int(value)
        and (least is None or value >= least)
    ):
        return int(value)
    bound = "" if least is None else f" of at least {least}"
    raise FittingError(f"{name} must be a whole number{bound}, not {value!r}")


def _check_minutes(minutes) -> None:
    if minutes is not None and not (is_number(minutes) and 0 < minutes < math.inf):
        raise FittingError(f"minutes must be a positive number, not {minutes!r}")


def _are_pairs(value) -> bool:
    """Whether it is a list of pairs of whole numbers."""
    return isinstance(value, (list, tuple)) and all(
        isinstance(pair, (list, tuple)) and len(pair) == 2 and all(type(n) is int for n in pair)
        for pair in value
    )


def is_number(value) -> bool:
    """Whether it is one, and not true or false."""
    return isinstance(value, (int, float)) and not isinstance(value, bool)
