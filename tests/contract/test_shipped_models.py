"""The models in results/models, opened as a user opens them."""

import json
import subprocess
import sys
from pathlib import Path

SHIPPED = Path(__file__).resolve().parents[2] / "results" / "models"


def test_every_shipped_model_opens_in_a_fresh_process():
    """In Keras's safe mode, by nothing but the function that the README names."""
    code = (
        "import json, pathlib, sys; from keras_models import load_model\n"
        "paths = sorted(pathlib.Path(sys.argv[1]).glob('*/*.keras'))\n"
        "print(json.dumps([load_model(path).name for path in paths]))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(SHIPPED)], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert set(json.loads(done.stdout)) == {"behler", "eq2"}
