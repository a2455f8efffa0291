"""The report's equations as Keras functional models; nothing here knows about experiments.

Importing the package alone does not import TensorFlow; its modules do.
"""


def load_model(path):
    """Open a saved model, in Keras's safe mode.

    ``keras.saving.load_model`` does the same once the modules of the models are imported, which
    registers the functions and layers inside them.
    """
    from keras_models import behler, geometry, gradient, layers  # noqa: F401
    from keras_models.backend import keras

    return keras.saving.load_model(path)
