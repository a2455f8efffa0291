"""TensorFlow and Keras, imported quietly: every module takes ``tf``, ``keras`` and ``K`` from here.

``register`` gives a function or layer its name in saved models, "keras_models>name": files open as
long as the name stays, wherever the code is.

TensorFlow's start-up messages bypass Python's logging; they are kept away from the user's screen.
"""

import os
import sys
import tempfile


def _import_tensorflow_quietly() -> None:
    """Import TensorFlow with file descriptor 2 set aside; give back what it said if it fails."""
    # A host program that imported TensorFlow first has made its own choices.
    if "tensorflow" in sys.modules:
        return
    os.environ["KERAS_BACKEND"] = "tensorflow"
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    # oneDNN's own kernels differ between machines, and they announce themselves.
    os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "0")
    sys.stderr.flush()
    saved = os.dup(2)
    with tempfile.TemporaryFile() as said:
        os.dup2(said.fileno(), 2)
        try:
            import tensorflow

            # The models are small: a GPU would be slower, and looking for one is loud.
            tensorflow.config.set_visible_devices([], "GPU")
        except BaseException:
            said.seek(0)
            os.write(saved, said.read())
            raise
        finally:
            os.dup2(saved, 2)
            os.close(saved)


_import_tensorflow_quietly()

import keras  # noqa: E402
import tensorflow as tf  # noqa: E402
from keras import ops as K  # noqa: E402

# Every objective and every number of atoms is traced once, by design: not worth a warning.
tf.get_logger().setLevel("ERROR")

register = keras.saving.register_keras_serializable("keras_models")

__all__ = ["K", "keras", "register", "tf"]
