"""Rows small enough to run in a test."""

from dataclasses import replace

from keras_models.settings import AdamSettings
from reproduction.sections import EXPERIMENTS

EQ2 = replace(
    EXPERIMENTS["table4/eq2"].at_quick_size(),
    split=(300, 100),
    training=AdamSettings(epochs=4),
    seeds=(0, 1),
)
FLOOR = replace(EXPERIMENTS["beyond/pair-floor"].at_quick_size(), split=(300, 100))


def ignore(*_):
    """Progress that nobody hears of."""
