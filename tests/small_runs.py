"""Rows small enough to run in a test."""

from dataclasses import asdict, replace

from keras_models.settings import AdamSettings
from reproduction.sections import EXPERIMENTS

AU6 = EXPERIMENTS["table4/eq2"].data
# What the JSON of the row's data says.
AS_MADE = {"dynamics": asdict(AU6.origin)}
EQ2 = replace(
    EXPERIMENTS["table4/eq2"].at_quick_size(),
    data=AU6,
    split=(300, 100),
    training=AdamSettings(epochs=4),
    seeds=(0, 1),
)
FLOOR = replace(EXPERIMENTS["beyond/pair-floor"].at_quick_size(), data=AU6, split=(300, 100))


def ignore(*_):
    """Progress that nobody hears of."""
