"""The settings that a user reads of are those that there are."""

import inspect
import json
import re
import tomllib
from dataclasses import MISSING, fields

import pytest

from data_gen.reading import read_frames
from fitting.commands import config_of, train_parser
from fitting.config import OF_ALL, OF_MODEL, OF_TRAINING, Config, read_config
from fitting.data import load
from fitting.settings import completed
from keras_models import catalogue
from keras_models.settings import EdgeSettings
from reproduction.engine.provenance import ROOT

TABLE = ROOT / "examples/SETTINGS.md"
EXAMPLE = ROOT / "examples/settings.toml"
ROW = re.compile(r"^\| `([^`]+)` \|(.*)\|$", re.MULTILINE)


def options(name: str) -> dict:
    """{name: default} of a model's own settings."""
    builder = catalogue.find(name).builder
    return {p.name: p.default for p in list(inspect.signature(builder).parameters.values())[3:]}


def accepted() -> set[str]:
    """Names of all settings, with their tables."""
    known = {name for name in OF_ALL if name not in ("model", "training")}
    known |= {f"model.{name}" for name in OF_MODEL}
    known |= {f"model.options.{name}" for name in options("linear_eq4")}
    return known | {f"training.{name}" for name in OF_TRAINING}


def fixed() -> dict:
    """{name: default} of those that do not depend on the data."""
    found = {
        f.name: f.default_factory() if f.default is MISSING else f.default for f in fields(Config)
    }
    model = catalogue.find("linear_eq4")
    own = {"name": model.name, "widths": model.widths, "activation": model.activation}
    found |= {f"model.{name}": value for name, value in own.items()}
    found |= {f"model.options.{name}": x for name, x in options("linear_eq4").items()}
    return found | {f"training.{f.name}": f.default for f in fields(EdgeSettings)}


def test_every_setting_is_explained_with_its_default():
    rows = ROW.findall(TABLE.read_text(encoding="utf-8"))
    names = [name for name, _ in rows]
    assert len(names) == len(set(names)) and set(names) == accepted()
    told = 0
    for name, cells in rows:
        if name == "model.options":
            continue
        meaning, default, when = (cell.strip() for cell in cells.split(" | "))
        assert len(meaning) > 15 and default and when
        if (value := re.fullmatch(r"`([^`;]+)`", default)) is not None:
            assert json.loads(value[1]) == json.loads(json.dumps(fixed()[name])), name
            told += 1
    assert told > 15
    others = ({*options(name)} for name in ("eq2_neighbours", "eq3_neighbours"))
    assert all(one == {"cutoff", "elements"} for one in others)
    edges = {m.name for m in catalogue.MODELS.values() if m.inputs == "edges"}
    assert set(re.findall(r"`(\w+)`", dict(rows)["model.name"])[:3]) == edges


def names_of(entries: dict, prefix: str = "") -> set[str]:
    """Names of the settings of a file, with their tables."""
    found: set[str] = set()
    for name, value in entries.items():
        if isinstance(value, dict) and name != "sha256":
            found |= {prefix + name} if prefix else set()
            found |= names_of(value, f"{prefix}{name}.")
        else:
            found.add(prefix + name)
    return found


def whole_example() -> dict:
    """The example with the settings that are commented out."""
    text = EXAMPLE.read_text(encoding="utf-8")
    return tomllib.loads(re.sub(r'^# ((?:\[|"|\w+ = ).*)$', r"\1", text, flags=re.MULTILINE))


def test_the_example_of_settings_has_each_and_is_taken():
    assert names_of(whole_example()) == accepted()
    config = read_config(EXAMPLE)
    assert config.steps is None and config.minutes == 10.0
    settings = completed(config.with_steps(1000), load(config), None)[1]
    assert settings.options["rounds"] == 3 and settings.training.learning_rate == 0.01


def test_the_example_sets_nothing_that_depends_on_the_data():
    """A user who puts another file into it would get what is for Au12."""
    own = tomllib.loads(EXAMPLE.read_text(encoding="utf-8"))
    assert own.pop("files") == ["au12.extxyz"]
    model, training = own["model"], own["training"]
    given = {**own, **{f"model.{k}": x for k, x in model.items()}}
    given |= {f"model.options.{k}": x for k, x in model["options"].items()}
    given |= {f"training.{k}": x for k, x in training.items()}
    for name in ("model", "training", "model.options"):
        del given[name]
    defaults = fixed() | {"model.dtype": "float32"}
    for name, value in given.items():
        assert value == json.loads(json.dumps(defaults[name])), name
    # A key would take the place of the free energy; the others are fixed for fit_edges alone.
    chosen = {"options.rounds", "training.batch_size", "training.solve_last_layer", "energy_key"}
    assert not chosen & {name.removeprefix("model.") for name in given}


def test_what_the_example_shows_is_what_is_chosen_for_its_data():
    """What a user copies is no worse than leaving it out."""
    whole = whole_example()
    for name in ("continue_from", "sha256"):
        del whole[name]
    example = Config(**whole).moved(lambda name: str(EXAMPLE.parent / name))
    plain = config_of(train_parser().parse_args([example.files[0], "--steps", "10000"]))
    chosen, _ = completed(plain, load(plain), None, workers=2)
    given, _ = completed(example, load(example), None)
    assert given.differences(chosen) == ["energy_key", "forces_key", "minutes"]
    reading = read_frames(example.files)
    assert (reading.energy_key, reading.forces_key) == (example.energy_key, example.forces_key)


@pytest.mark.parametrize("name", ["README.md", "SETTINGS.md"])
def test_code_in_the_examples_names_what_there_is(name):
    from fitting.known import SAME_A
    from keras_models.extrapolation import WARN, Extrapolation

    text = (ROOT / "examples" / name).read_text(encoding="utf-8")
    for option in re.findall(r"`(--[a-z-]+)", text):
        assert option in train_parser().format_help()
    for target in re.findall(r"`make (\w+)`", text):
        assert f"\n{target}:" in (ROOT / "Makefile").read_text()
    for attribute in re.findall(r"calc\.extrapolation\.(\w+)", text):
        assert hasattr(Extrapolation, attribute)
    if name == "README.md":
        assert text.index("make setup") < text.index(".venv/")
        # Five decimals are off by up to 5e-6 Å, four by ten times as much.
        assert 5e-6 < SAME_A < 5e-5 and "at least five decimals (Å)" in text
        assert "calc.extrapolation.largest" in text
        assert f"Above {WARN:g} the answer is a guess" in " ".join(text.split())
