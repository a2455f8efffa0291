"""The report's equations as Keras functional models; nothing here knows about experiments.

Importing the package alone does not import TensorFlow; its modules do.
"""


def load_model(path):
    """Open a saved model, in Keras's safe mode.

    ``keras.saving.load_model`` does the same once :mod:`keras_models.catalogue` is imported, which
    registers the functions and layers inside the models.
    """
    from keras_models import catalogue  # noqa: F401
    from keras_models.backend import keras

    return keras.saving.load_model(path)
