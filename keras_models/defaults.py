"""Settings of training that are chosen from the data."""

from data_gen.frames import Frames
from keras_models.fit_edges import EdgeFitSettings
from keras_models.settings import EdgeSettings

STEPS = 10_000


def default_settings(train: Frames, minutes: float | None = None) -> EdgeFitSettings:
    """Stand-in: see the branch main."""
    return EdgeFitSettings("linear_eq4", EdgeSettings(STEPS))
