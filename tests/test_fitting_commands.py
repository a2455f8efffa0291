"""Arguments of the training's command: each is a setting of its own."""

import pytest

from fitting.commands import config_of, evaluate_main, kept_of_other_minutes, stem, train_parser
from fitting.config import Config
from fitting.errors import FittingError

FILES = ("a.xyz", "b.xyz@::2")


@pytest.mark.parametrize(
    ("argv", "settings"),
    [
        ([], {}),
        (["--test", "c.xyz", "d.xyz"], {"test": ("c.xyz", "d.xyz")}),
        (["--leave-out", "a.xyz@3,5", "b.xyz@1"], {"leave_out": ("a.xyz@3,5", "b.xyz@1")}),
        (["--energy-key", "E"], {"energy_key": "E"}),
        (["--forces-key", "F"], {"forces_key": "F"}),
        (["--split", "random"], {"split": "random"}),
        (["--minutes", "2.5"], {"minutes": 2.5}),
        (["--steps", "9"], {"minutes": None, "training": {"steps": 9}}),
        (["--seeds", "2"], {"seeds": (0, 1)}),
        (["--model", "eq2_neighbours"], {"model": {"name": "eq2_neighbours"}}),
        (["--continue-from", "m.keras"], {"continue_from": "m.keras"}),
    ],
)
def test_an_argument_is_the_setting_of_its_name(argv, settings):
    found = config_of(train_parser().parse_args([*FILES, *argv]))
    assert found == Config(files=FILES, **settings)


def test_minutes_and_steps_are_not_both_given():
    """The minutes were ignored without a word."""
    arguments = train_parser().parse_args([*FILES, "--minutes", "2", "--steps", "50"])
    with pytest.raises(FittingError, match="give either it or --steps"):
        config_of(arguments)


def test_what_few_minutes_chose_is_named_when_there_are_more(tmp_path):
    file = tmp_path / "config.toml"
    file.write_text("validation_share = 0.02\n[training]\nsolve_last_layer = false\n")

    def said(*argv):
        arguments = train_parser().parse_args([*FILES, *argv])
        return kept_of_other_minutes(arguments, config_of(arguments))

    (line,) = said("--config", str(file), "--minutes", "600")
    assert "validation_share = 0.02 and training.solve_last_layer = false of" in line
    assert said("--config", str(file)) == said("--minutes", "600") == []
    file.write_text("validation_share = 0.1\n")
    assert said("--config", str(file), "--minutes", "600") == []
    file.write_text("minutes = 2\n[model.options]\nrounds = 1\n")
    (line,) = said("--config", str(file), "--minutes", "600")
    assert "note: model.options.rounds = 1 of" in line
    assert said("--config", str(file), "--minutes", "2") == []


def test_a_stopped_evaluation_does_not_promise_to_go_on(monkeypatch, tmp_path, capsys):
    from fitting import evaluating

    def stop(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(evaluating, "evaluate_files", stop)
    out = tmp_path / "errors"
    for there in (False, True):
        assert evaluate_main(["model", *FILES, "--out", str(out)]) == 130
        said = capsys.readouterr().err
        assert "stopped, without a result" in said and "goes on" not in said
        assert (f"delete {out}" in said) == there
        out.mkdir(exist_ok=True)


@pytest.mark.parametrize(
    ("name", "called"),
    [
        ("data/si.v2.extxyz", "si.v2"),
        ("data/si.v3.extxyz@::2", "si.v3"),
        ("run.xyz.gz@0:9", "run"),
        ("OUTCAR", "OUTCAR"),
    ],
)
def test_a_folder_is_called_as_the_file(name, called):
    assert stem(name) == called


def test_an_at_sign_may_be_part_of_a_path(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "me@host").mkdir()
    (tmp_path / "me@host/run.xyz").touch()
    assert stem("me@host/run.xyz") == "run"
