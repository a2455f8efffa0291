"""How many trainings fit into memory at once."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from own_data import frames_of_two_elements, own_config, own_file

from data_gen.neighbours import edges
from fitting import commands, memory, training
from fitting.config import read_config
from fitting.metrics import GROUPS, few_names
from fitting.predicting import BLOCK_ATOMS, blocks
from fitting.progress import QUIET


def test_a_training_holds_the_pairs_of_all_frames():
    frames = frames_of_two_elements(12)
    pairs = sum(len(edges(s, 4.0)[0]) for s in frames.structures)
    data = memory.PAIR * pairs + memory.ATOM * frames.sizes.sum()
    assert memory.bytes_of(frames, 4.0) == pytest.approx(memory.PROCESS + data)
    # Of more frames than are counted, and with the cutoff that would be chosen.
    many = frames[np.arange(2400) % 12]
    chosen = memory.default_settings(frames).options["cutoff"]
    for cutoff, given in ((4.0, 4.0), (chosen, None)):
        one, all_of_them = memory.bytes_of(frames, cutoff), memory.bytes_of(many, given)
        assert all_of_them - memory.PROCESS == pytest.approx(200 * (one - memory.PROCESS), rel=0.2)


def test_as_many_train_at_once_as_fit(monkeypatch, capsys):
    frames, console = frames_of_two_elements(3), commands.console()

    def found(free, models, workers):
        monkeypatch.setattr(memory, "free_memory", lambda: free)
        at_once = memory.at_once(frames, 4.0, models, workers, console)
        return at_once, capsys.readouterr().out

    assert found(7e9, 4, 4) == (4, "") and found(2e9, 1, 64) == (64, "")
    few, said = found(4e9, 4, 64)
    assert few == 2
    told = "a training takes about 1.5 GB of memory, and 4.0 GB are free: 2 at once, not 4"
    assert said == f"note         {told} (--workers)\n"
    memory.at_once(frames, 4.0, 4, 64, console, given=False)
    assert "are free: 2 models, not 4 (--seeds)" in capsys.readouterr().out
    few, said = found(1e9, 1, 2)
    assert few == 1 and said.endswith("if it is killed, end other programs\n")
    monkeypatch.setattr(memory, "PAIR", 1e8)
    few, said = found(1e9, 1, 2)
    assert few == 1 and "take fewer frames (FILE@::2) or a smaller cutoff" in said


def test_pairs_are_counted_within_the_cutoff_of_the_model_that_is_gone_on_from(monkeypatch):
    """The default's is shorter or longer; as many trainings were begun as it would fit."""
    config = replace(own_config(Path("a.xyz")), continue_from="a.keras", model={})
    monkeypatch.setattr(training, "starting_models", lambda config: [config.continue_from])
    monkeypatch.setattr(training, "model_of", lambda _: {"options": {"cutoff": 9.5}})
    assert training._cutoff(config, None) == 9.5
    monkeypatch.undo()
    assert training._cutoff(replace(config, continue_from=None), None) is None


def test_models_are_as_many_as_fit(tmp_path, monkeypatch):
    """Unless their number, or that at once, is given; a training that goes on keeps its own."""
    given = []
    monkeypatch.setattr(training, "train_seeds", lambda _, workers, *__: given.append(workers))
    monkeypatch.setattr(training, "_conclude", lambda *_: None)
    monkeypatch.setattr(training, "cores", lambda: 3)
    config = own_config(own_file(tmp_path))
    plain = replace(config, seeds=())

    def models(free, folder, workers=None, config=plain):
        monkeypatch.setattr(memory, "free_memory", lambda: free)
        training.train(config, tmp_path / folder, QUIET, workers)
        return len(read_config(tmp_path / folder / "config.json").seeds), given[-1]

    assert models(9e9, "a") == (3, 3) and models(4e9, "b") == (2, 2)
    assert models(4e9, "c", 3) == (3, 3) and models(2e9, "a") == (3, 1)
    assert models(2e9, "d", config=config) == models(2e9, "d") == (1, 3)


def test_blocks_of_an_evaluation_are_bounded_in_frames_and_atoms():
    """Their lists of neighbours are in memory together."""
    small, large = [3] * 2500, [2048] * 60 + [200_000, 10]
    assert [end - first for first, end in blocks(small)] == [1024, 1024, 452]
    found = list(blocks(large))
    assert [k for first, end in found for k in range(first, end)] == list(range(len(large)))
    for first, end in found:
        assert end - first == 1 or sum(large[first:end]) <= BLOCK_ATOMS
    assert found[0] == (0, BLOCK_ATOMS // 2048) and found[-2:] == [(60, 61), (61, 62)]
    assert list(blocks([])) == []


def test_of_many_labels_the_less_frequent_ones_are_one():
    """A label for each frame made as many rows, and as many passes over all frames."""
    many = ["bulk"] * 9 + [f"run{k}" for k in range(100)]
    found = few_names(many)
    assert len(set(found)) == GROUPS and found[:9] == ["bulk"] * 9
    assert found.count("52 others") == 52
    assert few_names(many[: GROUPS - 1]) == many[: GROUPS - 1]
