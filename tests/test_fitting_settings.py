"""Settings of a training on own data: chosen, read, written, refused; steps from minutes."""

import json
import os
import shutil
import subprocess
import sys
from dataclasses import replace

import pytest
from ase.build import bulk
from ase.io import read, write
from own_data import own_config, own_file

from data_gen.files import sha256
from fitting import commands
from fitting.config import Config, checksum, read_config, write_config
from fitting.data import load
from fitting.errors import FittingError
from fitting.settings import completed
from keras_models.opening import listed
from reproduction.engine.provenance import ROOT


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    """Not in the working folder."""
    return own_file(tmp_path_factory.mktemp("data"))


@pytest.fixture(scope="module")
def config(file) -> Config:
    return own_config(file)


def test_weight_decay_is_for_the_model_that_it_was_tried_with(config):
    given = replace(config, training={"steps": 9})
    data = load(given)
    for name, decay in (("linear_eq4", 0.1), ("eq2_neighbours", 0.0)):
        one = replace(given, model={"name": name})
        assert completed(one, data, None)[1].training.weight_decay == decay
    other = replace(one, training={**one.training, "weight_decay": 0.2})
    assert completed(other, data, None)[1].training.weight_decay == 0.2


def test_there_is_a_model_for_each_core(config, capsys):
    data, plain = load(config), replace(config, seeds=())
    for workers, models in ((1, 1), (2, 2), (64, 4)):
        full, _ = completed(plain, data, None, commands.console(), workers)
        assert full.seeds == tuple(range(models))
        said = f"{models} models, side by side" if models > 1 else ""
        assert capsys.readouterr().out.startswith(said)
    # Elsewhere, the folder's own go on.
    assert completed(plain, data, full, workers=2)[0] == full
    parsed = commands.train_parser().parse_args(["a.xyz", "--seeds", "1"])
    assert commands.config_of(parsed).seeds == (0,)


def test_settings_are_kept_in_a_file(config, tmp_path, monkeypatch):
    path = tmp_path / "folder/config.json"
    write_config(config.with_checksums(), path)
    assert not os.path.isabs(json.loads(path.read_text())["files"][0])
    again = read_config(path)
    assert again.differences(config.with_checksums()) == []
    assert again.differences(replace(config, minutes=1.0)) == [
        "minutes",
        f"sha256.{os.path.abspath(config.files[0])}",
    ]
    by_hand = tmp_path / "by-hand.toml"
    by_hand.write_text('files = ["a.xyz"]\nseeds = [1, 2]\n[training]\nclip = 2.0\n')
    found = read_config(by_hand)
    assert found.files == (str(tmp_path / "a.xyz"),) and found.training == {"clip": 2.0}
    assert found.seeds == (1, 2) and found.minutes == 10.0
    # Arguments come before the file of settings.
    p = commands.train_parser()
    arguments = p.parse_args(["b.xyz", "--config", str(by_hand), "--steps", "7", "--seeds", "3"])
    both = commands.config_of(arguments)
    assert both.files == ("b.xyz",) and both.training == {"clip": 2.0, "steps": 7}
    assert both.seeds == (0, 1, 2) and both.minutes is None
    longer = commands.config_of(p.parse_args(["--config", str(path), "--minutes", "5"]))
    assert longer.steps is None and longer.minutes == 5.0 and longer.sha256 == again.sha256


def test_the_checksum_of_a_folder_is_of_whole_models(tmp_path):
    for name in ("models/seed0.keras", "models/seed1.keras"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(name)
    before = checksum(str(tmp_path))
    (tmp_path / "models/.seed2.0.tmp.keras").write_text("being written, or left by a kill")
    assert checksum(str(tmp_path)) == before and before.count(",") == 1


def test_what_is_null_is_not_given(tmp_path):
    path = tmp_path / "c.json"
    path.write_text('{"model": {"options": null, "widths": null, "name": null, "dtype": null}}')
    assert read_config(path).model == {}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", r"is not JSON \(Expecting"),
        ("[]", "has no settings: it is list"),
        ('{"file": ["a"]}', "settings has no 'file': choose from files, test"),
        ('{"files": "a.xyz"}', "files must be a list, not 'a.xyz'"),
        ('{"files": [1]}', "lists of paths in quotes"),
        ('{"seeds": [0, 0]}', "seeds must be different whole numbers"),
        ('{"seeds": [-1]}', "seeds must be different whole numbers"),
        ('{"minutes": -1}', "minutes must be a positive number, not -1"),
        ('{"minutes": true}', "minutes must be a positive number, not True"),
        ('{"split": "time"}', "split must be blocks or random, not 'time'"),
        ('{"test_share": 1}', "test_share must be a number from 0 to below 1"),
        ('{"model": {"cutoff": 5}}', r"model has no 'cutoff': choose from name.*\[model.options\]"),
        ('{"steps": 500}', r"settings has no 'steps': put it under \[training\]"),
        ('{"clip": 1.0}', r"'clip': put it under \[training\]"),
        ('{"widths": [8]}', r"'widths': put it under \[model\]"),
        ('{"training": {"minutes": 5}}', r"'minutes': put it before all \[tables\]"),
        ('{"training": {"epochs": 5}}', "training has no 'epochs': choose from steps"),
        ('{"training": 5}', "training must be a table, not 5"),
        ('{"training": {"clip": "x"}}', "training.clip must be a number, not 'x'"),
        ('{"training": {"solve_last_layer": 1}}', "solve_last_layer must be true or false, not 1"),
        (
            '{"training": {"batch_size": 8.5}}',
            "training.batch_size must be a whole number, not 8.5",
        ),
        ('{"training": {"steps": true}}', "training.steps must be a whole number, not True"),
        ('{"model": {"dtype": "float16"}}', "dtype must be float32 or float64, not 'float16'"),
        ('{"model": {"widths": 8}}', "widths must be a list of whole numbers, not 8"),
        ('{"model": {"widths": [8, 0]}}', "widths must be a whole number of at least 1, not 0"),
        ('{"model": {"options": 6}}', "model.options must be a table, not 6"),
        (
            '{"model": {"options": {"cutoff": "6"}}}',
            "cutoff must be a number from 3 to 30 Å, not '6'",
        ),
        (
            '{"model": {"options": {"cutoff": 2.9}}}',
            "cutoff must be a number from 3 to 30 Å, not 2.9",
        ),
        (
            '{"model": {"options": {"cutoff": 31}}}',
            "cutoff must be a number from 3 to 30 Å, not 31",
        ),
        ('{"seeds": [true, false]}', "seeds must be different whole numbers"),
        ('{"energy_key": 5}', "energy_key must be a text in quotes, not 5"),
        ('{"continue_from": 5}', "continue_from must be a text in quotes, not 5"),
    ],
)
def test_settings_that_make_no_sense_are_refused(tmp_path, text, message):
    path = tmp_path / "c.json"
    path.write_text(text)
    with pytest.raises(FittingError, match=message) as raised:
        read_config(path)
    assert str(path) in str(raised.value)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"model": {"name": "eq5"}}, "'eq5' is no model for frames of any size"),
        (
            {"model": {"options": {"cutof": 5}}},
            "linear_eq4 has no option 'cutof': choose from cutoff",
        ),
        ({"model": {"name": "eq2_neighbours", "options": {"order": 2}}}, "no option 'order'"),
        (
            {"model": {"options": {"order": 7}}},
            r"model.options.order = 7 \(order is 1, 2",
        ),
        ({"model": {"activation": "foo"}}, r"no model .* model.activation = 'foo' \(Could not"),
        (
            {"model": {"name": "eq2_neighbours", "widths": [8]}},
            r"widths = \[8\] \(not enough",
        ),
        (
            {"model": {"options": {"channels": 0}}},
            "a whole number of at least 1, not 0",
        ),
        ({"model": {"options": {"rounds": 1.5}}}, "model.options.rounds must be a whole number"),
        ({"model": {"options": {"repulsion": 1}}}, "repulsion must be true or false, not 1"),
        ({"training": {"steps": 8, "clip": -1.0}}, "settings of the training: learning rate"),
        ({"continue_from": "nowhere"}, "nowhere"),
    ],
)
def test_a_training_that_cannot_be_is_refused(config, changed, message):
    data = load(config)
    with pytest.raises(FittingError, match=message):
        completed(replace(config, **changed), data, None)


def test_counts_may_be_written_as_other_numbers(config):
    training = {"steps": 2e3, "batch_size": 8.0, "batch_atoms": 1e2, "warm_up": 1e1}
    options = {**config.model["options"], "polynomials": 3.0, "rounds": 1.0, "cutoff": 4}
    given = replace(config, training=training, model={"widths": [5.0], "options": options})
    assert given.steps == 2000 and given.model["widths"] == [5]
    full, _ = completed(given, load(given), None)
    counts = [full.training[name] for name in training]
    counts += [full.model["options"][name] for name in ("polynomials", "rounds")]
    assert counts == [2000, 8, 100, 10, 3, 1] and {type(n) for n in counts} == {int}


def test_there_must_be_forces_where_energies_have_no_weight(config, tmp_path):
    """Single atoms, whose forces are 0, do not count."""
    atoms = read(config.files[0], ":20")
    for one in atoms[1:]:
        del one.calc.results["forces"]
    write(tmp_path / "energies.extxyz", atoms)
    silent = replace(config, files=(str(tmp_path / "energies.extxyz"),), model={})
    training = {"steps": 9, "energy_weight": 0}
    with pytest.raises(FittingError, match="energy_weight = 0 leaves nothing to train on"):
        completed(replace(silent, training=training), load(silent), None)
    assert completed(replace(config, model={}, training=training), load(config), None)
    assert completed(silent, load(silent), None)


def test_the_command_refuses_a_model_in_one_sentence(file, tmp_path, monkeypatch, capsys):
    (tmp_path / "c.toml").write_text("[model.options]\norder = 7\n")
    argv = ["train.py", file, "--config", tmp_path / "c.toml", "--out", tmp_path / "new"]
    monkeypatch.setattr(sys, "argv", [*map(str, argv), "--workers", "1", "--minutes", "1"])
    assert commands.run(commands.train_main) == 2
    told = capsys.readouterr().err
    assert told.startswith("error: no model can be built") and told.count("\n") == 1
    assert not (tmp_path / "new/config.json").exists()


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (["absent.xyz"], "there is no file absent.xyz"),
        (["{file}", "--seeds", "0"], "--seeds must be a number of models, at least 1, not 0"),
        (["{file}", "--steps", "0"], "--steps must be at least 1, not 0"),
        (["{file}", "--workers", "0"], "--workers must be at least 1, not 0"),
        (["{file}", "--minutes", "nan"], "minutes must be a positive number, not nan"),
        (["{file}", "--energy-key", "E0"], "E0"),
        (["{file}", "--model", "eq5", "--steps", "9"], "'eq5' is no model"),
        (["{file}", "--continue-from", "absent.keras"], "there is no file absent.keras"),
        (["{file}", "--config", "absent.json"], "absent.json cannot be read"),
    ],
)
def test_the_command_refuses_in_one_sentence(argv, message, file, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["train.py", *(a.format(file=file) for a in argv)])
    assert commands.run(commands.train_main) == 2
    told = capsys.readouterr().err
    assert told.startswith("error: ") and message in told and told.count("\n") == 1
    assert not any(p.name == "config.json" for p in tmp_path.rglob("*"))


def test_the_script_refuses_without_a_traceback(tmp_path):
    """In a process of its own; what it refuses is tested above."""
    command = [sys.executable, ROOT / "scripts/train.py"]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    one = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, env=environment)
    assert one.returncode == 2 and "Traceback" not in one.stderr
    assert "name a file to train on" in one.stderr


def test_models_of_a_training_are_those_that_are_opened(tmp_path):
    """Not those of a training below it, which may be the one that begins with them."""
    for name in ("models/seed0.keras", "models/seed1.keras", "models/.seed2.keras"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(name)
    found = checksum(str(tmp_path))
    assert len(found.split(",")) == 2 == len(listed(tmp_path))
    (tmp_path / "more/models").mkdir(parents=True)
    (tmp_path / "more/models/seed0.keras").write_text("")
    assert checksum(str(tmp_path)) == found
    (tmp_path / "own.keras").write_text("")
    assert len(checksum(str(tmp_path)).split(",")) == 1 == len(listed(tmp_path))


def test_data_that_are_a_folder_have_a_checksum_of_all_that_is_in_it(tmp_path):
    """As a bundle of ASE's; one of models has that of the models."""
    bundle = tmp_path / "md.bundle"
    write(bundle, [bulk("Au"), bulk("Pt")], format="bundletrajectory")
    seen = {checksum(str(bundle))}
    shutil.rmtree(bundle)
    write(bundle, [bulk("Au"), bulk("Cu")], format="bundletrajectory")
    seen.add(checksum(str(bundle)))
    (bundle / "F0").rename(bundle / "F2")
    seen.add(checksum(str(bundle)))
    assert len(seen) == 3 and not seen & {""}
    assert checksum(str(bundle)) in seen
    (bundle / "seed0.keras").write_text("weights")
    assert checksum(str(bundle)) == sha256(bundle / "seed0.keras")
