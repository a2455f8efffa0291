"""Benchmark of the Behler model: a pass over the data by Amp and by its Keras twin.

Both are timed in a single run. Takes about two minutes; with --keep it writes
results/benchmark-behler.json, which is shown in docs/results/speed.md.
"""

import os
import tempfile
import time
from dataclasses import replace
from pathlib import Path

from amp_baseline.potential import backend, frames, in_memory, quiet
from amp_baseline.settings import AmpSettings
from amp_baseline.training import train
from data_gen.machine import processor
from keras_models import behler, catalogue
from keras_models.backend import tf
from keras_models.building import flat_weights
from keras_models.objective import FullBatch
from keras_models.problems import behler_features
from reproduction import benchmarks, cli
from reproduction.sections import EXPERIMENTS

# (row, evaluations of Amp's loss to time)
ROWS = (("table1/behler-10-10-10", 500), ("table3/250-5-5", 40))
HANDED_OVER = 30


def amp_seconds(experiment, data, steps):
    """Seconds of one evaluation of Amp's loss and gradient.

    With the cheap update of :mod:`amp_baseline.optimiser`, as SciPy's would add its own time.
    """
    ((part, _),) = experiment.folds(data)
    seconds = []
    for n in (10, 10 + steps):
        settings = replace(experiment.training, max_steps=n, optimiser="rank-two")
        with tempfile.TemporaryDirectory() as folder:
            seconds.append(train(part, part[:2], settings, 0, Path(folder)).seconds)
    return (seconds[1] - seconds[0]) / steps


def twin_seconds(experiment, data, steps):
    """Seconds of one evaluation of the twin's loss and gradient, and of its fingerprints."""
    ((part, _),) = experiment.folds(data)
    settings: AmpSettings = experiment.training
    # Of the processor, as Amp's are.
    begin = time.process_time()
    functions = catalogue.function_set(part, "default")
    features = behler_features(part, functions, settings.forces)
    prepared = time.process_time() - begin
    values = features[..., 0] if settings.forces else features
    model = catalogue.build(
        "behler", part, settings.hidden_layers, seed=0, dtype="float64", values=values
    )
    network = behler.network(model)
    forces = part.forces if settings.forces else None
    objective = behler.fingerprint_objective(
        network, part.numbers, part.energies, forces, 0.01, 0.04
    )
    batch, theta = FullBatch(objective, features), flat_weights(network)
    batch(theta)
    begin = time.process_time()
    for _ in range(steps):
        batch(theta)
    return (time.process_time() - begin) / steps, prepared


def hand_over_seconds(data):
    """Milliseconds per frame for Amp to pass derivatives to Fortran, from disk and from memory."""
    from amp import Amp
    from amp.descriptor.gaussian import Gaussian
    from amp.model import ravel_data
    from amp.model.neuralnetwork import NeuralNetwork
    from amp.utilities import hash_images

    found = {}
    for name in ("Amp's pickles", "containers in memory"):
        with tempfile.TemporaryDirectory() as folder, quiet():
            images = hash_images(frames(data))
            amp = Amp(Gaussian(), NeuralNetwork(), label=f"{folder}/amp", cores=1, logging=False)
            d = amp.descriptor
            if name != "Amp's pickles":
                in_memory(d, sorted(set(frames(data[:1])[0].symbols)))
            d.calculate_fingerprints(images, calculate_derivatives=True)
            begin = time.perf_counter()
            ravel_data(True, "atom-centered", images, d.fingerprints, d.fingerprintprimes, False)
            found[name] = 1000 * (time.perf_counter() - begin) / len(data)
    return found


def main(argv):
    arguments = benchmarks.parser(__doc__).parse_args(argv)
    # One thread each, also in Amp's process, which inherits this.
    os.environ.update(OMP_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1")
    tf.config.threading.set_intra_op_parallelism_threads(1)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    out = cli.console()
    results = {"processor": processor(), "cores": cli.cores(), "amp": backend(), "passes": {}}
    for row, steps in ROWS:
        experiment = EXPERIMENTS[row]
        if arguments.smoke:
            steps, experiment = 2, replace(experiment, frames=6, split=(4, 2))
        data = benchmarks.first_frames(experiment.data, sum(experiment.split))
        amp = amp_seconds(experiment, data, steps)
        twin, prepared = twin_seconds(experiment, data, steps)
        results["passes"][row] = {
            "frames": experiment.split[0],
            "forces": experiment.training.forces,
            "amp_ms": 1000 * amp,
            "twin_ms": 1000 * twin,
            "twin_preparation_s": prepared,
        }
        out.print(
            f"{row}: a pass takes Amp {1000 * amp:.1f} ms, its twin {1000 * twin:.1f} ms, "
            f"{amp / twin:.0f} times as fast after {prepared:.0f} s of preparation"
        )
    slab = benchmarks.first_frames(experiment.data, 1 if arguments.smoke else HANDED_OVER)
    results["hand_over_ms_a_frame"] = hand_over_seconds(slab)
    for name, ms in results["hand_over_ms_a_frame"].items():
        out.print(f"hand-over of derivatives to Fortran, {name}: {ms:.1f} ms a frame")
    benchmarks.conclude(results, "benchmark-behler.json", arguments.keep, out)
    return 0


if __name__ == "__main__":
    cli.run_script(main)
