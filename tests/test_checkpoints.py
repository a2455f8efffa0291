"""Checkpoints are made when they are due, and a training that was killed goes on from them."""

import shutil

import numpy as np
import pytest
from own_data import frames_of_two_elements
from pair_potential import settings

from keras_models import checkpoints
from keras_models.checkpoints import EVERY_SECONDS, Checkpoint
from keras_models.fit_edges import fit_edges


def test_a_checkpoint_is_due_after_its_seconds(tmp_path, monkeypatch):
    now = [100.0]
    monkeypatch.setattr(checkpoints.time, "monotonic", lambda: now[0])
    path = tmp_path / "c.npz"
    usual, always, never = (
        Checkpoint(path, ""),
        Checkpoint(path, "", 0.0),
        Checkpoint(path, "", 1e9),
    )
    now[0] += 1e-3
    assert always.due() and not usual.due() and not never.due()
    now[0] += EVERY_SECONDS
    assert usual.due() and not never.due()
    usual.save()
    assert not usual.due() and path.is_file()


@pytest.mark.usefixtures("without_xla")
def test_what_a_kill_leaves_is_gone_on_from(tmp_path, monkeypatch):
    """A checkpoint after each step, as the clock says that one is due."""
    monkeypatch.setattr(Checkpoint.__init__, "__defaults__", (0.0,))
    frames = frames_of_two_elements(40)
    path, left = tmp_path / "c.npz", tmp_path / "left.npz"

    def kill(fraction, text):
        if text == "step 6/8":
            shutil.copy(path, left)

    whole, told = fit_edges(frames, settings(), 0, path, "code", kill), []
    resumed = fit_edges(frames, settings(), 0, left, "code", lambda _, text: told.append(text))
    assert [text for text in told if "step" in text] == ["step 7/8", "step 8/8"]
    for a, b in zip(whole.model.get_weights(), resumed.model.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
