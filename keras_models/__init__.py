"""The report's equations as Keras functional models, and their training and application.

Independent of experiments and results. Importing the package alone does not import TensorFlow;
its modules do.
"""


def load_model(path):
    """Open a saved model, in Keras's safe mode.

    ``keras.saving.load_model`` does the same after :mod:`keras_models.catalogue` is imported, which
    registers the functions and layers that the models contain.
    """
    from keras_models import catalogue  # noqa: F401
    from keras_models.backend import keras

    return keras.saving.load_model(path)
