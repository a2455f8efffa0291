"""Import of TensorFlow and Keras without start-up messages; all modules get them from here.

``register`` gives a function or layer its name in saved models, "keras_models>name". Saved models
can be opened as long as the name stays the same, even if the code moves.

TensorFlow's start-up messages bypass Python's logging, so they are suppressed here. The models need
Keras on TensorFlow: another ``KERAS_BACKEND`` is not used, which one line says.
"""

import contextlib
import ctypes
import os
import sys
import tempfile

from data_gen.streams import prepare_streams

BACKEND = "tensorflow"
# Of glibc's mallopt: sizes from which memory is mapped, and above which free memory is given back.
M_MMAP_THRESHOLD, M_TRIM_THRESHOLD = -3, -1
KEPT_BYTES = 1 << 30


def _choose_backend() -> None:
    """Let Keras, which is not imported yet, use TensorFlow.

    Raises:
        ImportError: it is imported already, on another backend.
    """
    wanted = os.environ.get("KERAS_BACKEND", BACKEND)
    if "keras" in sys.modules:
        used = sys.modules["keras"].config.backend()
        if used != BACKEND:
            raise ImportError(
                f"keras_models needs Keras on {BACKEND}, but it was imported on {used} before: "
                f"set KERAS_BACKEND={BACKEND}, or import keras_models first"
            )
    elif wanted != BACKEND:
        print(f"keras_models: KERAS_BACKEND={wanted} is not used, but {BACKEND}", file=sys.stderr)
    os.environ["KERAS_BACKEND"] = BACKEND


def _keep_freed_memory() -> None:
    """Let glibc keep memory that a compiled function frees, for its next call.

    Else each call maps tens of megabytes anew, and the kernel clears them page by page: a third of
    a training step of several rounds. Other C libraries are left as they are.
    """
    with contextlib.suppress(OSError, AttributeError):
        mallopt = ctypes.CDLL(None).mallopt
        mallopt(M_MMAP_THRESHOLD, KEPT_BYTES)
        mallopt(M_TRIM_THRESHOLD, KEPT_BYTES)


def _import_tensorflow_quietly() -> None:
    """Import TensorFlow with stderr (file descriptor 2) redirected; show the output on failure."""
    # A host program that has already imported TensorFlow made its own choices.
    if "tensorflow" in sys.modules:
        return
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    # oneDNN's kernels differ between machines, and print a message.
    os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "0")
    sys.stderr.flush()
    saved = os.dup(2)
    with tempfile.TemporaryFile() as said:
        os.dup2(said.fileno(), 2)
        try:
            import tensorflow

            # For such small models a GPU is slower, and the search for one prints messages.
            tensorflow.config.set_visible_devices([], "GPU")
        except BaseException:
            said.seek(0)
            os.write(saved, said.read())
            raise
        finally:
            os.dup2(saved, 2)
            os.close(saved)


prepare_streams()
_keep_freed_memory()
_choose_backend()
_import_tensorflow_quietly()

import keras  # noqa: E402
import tensorflow as tf  # noqa: E402
from keras import ops as K  # noqa: E402

# Suppresses warnings about retracing, which is intended for each objective and number of atoms.
tf.get_logger().setLevel("ERROR")

register = keras.saving.register_keras_serializable("keras_models")

__all__ = ["K", "keras", "register", "tf"]
