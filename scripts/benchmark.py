"""Benchmark of training against Keras's fit, by lanes, atoms and cores.

Ratios are from a single run. Takes about a minute; with --keep it writes results/benchmark.json,
which is shown in docs/results/speed.md.
"""

import argparse
import subprocess
import sys
import time

import numpy as np

from data_gen.dataset import Statistics
from data_gen.machine import processor
from keras_models import catalogue
from keras_models.backend import keras, tf
from keras_models.building import flat_weights
from keras_models.objective import direct_objective
from keras_models.optimise.adam import EpochLoop, TrainingState
from keras_models.settings import AdamSettings
from reproduction import benchmarks, cli
from reproduction.sections import EXPERIMENTS, SOURCES

BATCH, FRAMES, SMOKE_FRAMES = 32, 2000, 64
# The report's tensors in plain Keras, the reference for all ratios.
FIT = "Keras fit"
ENERGY_MODELS = {
    e.model: e for e in EXPERIMENTS.values() if e.task == "energy" and e.id.startswith("table4/")
}


def best(function, repeats=5):
    """Seconds of the fastest of several calls, which is least affected by other processes."""
    times = []
    for _ in range(repeats):
        begin = time.perf_counter()
        function()
        times.append(time.perf_counter() - begin)
    return min(times)


def epoch_seconds(model, positions, energies, statistics, lanes):
    """Seconds per lane of a compiled epoch, with ``lanes`` trained side by side."""
    objective = direct_objective(model, energies[:, None], statistics.energy_std)
    loop = EpochLoop(objective, positions, AdamSettings(1, BATCH))
    state = TrainingState.start([flat_weights(model)] * lanes, 1)
    arrays = (state.theta, state.first_moment, state.second_moment)

    def epoch():
        loop.run_epoch(*arrays, 0, range(lanes))[0].numpy()

    epoch()
    return best(epoch) / lanes


def fit_seconds(model, train, statistics, **compile_options):
    """Seconds of one epoch of Keras's fit."""
    weight = 1.0 / statistics.energy_std**2
    model.compile(keras.optimizers.Adam(1e-3), "mse", loss_weights=weight, **compile_options)
    positions = train.positions.astype("float32")
    energies = train.energies[:, None].astype("float32")

    def epoch():
        model.fit(positions, energies, batch_size=BATCH, verbose=0)

    epoch()
    return best(epoch)


def flops_of_a_sample(model, n_atoms):
    """Operations per sample: multiply-adds of the dense layers, times 2, times 3 with backward."""
    layers = [layer for layer in model.layers if isinstance(layer, keras.layers.Dense)]
    sizes = keras.Model(model.input, [layer.output for layer in layers])(
        np.random.default_rng(0).uniform(0, 9, (1, n_atoms, 3)).astype("float32")
    )
    sizes = sizes if isinstance(sizes, list) else [sizes]
    return 6 * sum(
        int(np.prod(out.shape[:-1])) * int(np.prod(layer.kernel.shape))
        for layer, out in zip(layers, sizes, strict=True)
    )


def matmul_rate():
    """Operations per second in a large float32 matrix product, with TensorFlow's threads."""
    a = tf.random.normal((1500, 1500))
    product = tf.function(lambda a: a @ a)
    product(a).numpy()
    return 2 * 1500**3 / best(lambda: product(a).numpy(), 10)


def cluster_data(n_atoms, n_samples):
    """Positions of random clusters of constant density, only for timing."""
    rng = np.random.default_rng(n_atoms)
    side = 3.0 * n_atoms ** (1 / 3)
    grid = np.stack(np.meshgrid(*[np.arange(5)] * 3, indexing="ij"), -1).reshape(-1, 3)
    places = np.array([rng.permutation(len(grid))[:n_atoms] for _ in range(n_samples)])
    return grid[places] * side / 4 + rng.uniform(-0.2, 0.2, (n_samples, n_atoms, 3))


def threads_and_processes(frames):
    """Seconds of two trainings of Eq. 2: in turn with two threads, or in two processes at once."""

    def start(threads, trainings):
        command = [sys.executable, __file__, "--child", str(frames), str(threads)]
        return [
            subprocess.Popen([*command, str(trainings)], stdout=subprocess.PIPE, text=True)
            for _ in range(2 // trainings)
        ]

    found = {}
    for name, threads, trainings in (("one process", 2, 2), ("two processes", 1, 1)):
        outputs = [p.communicate()[0] for p in start(threads, trainings)]
        found[name] = max(float(out.split()[-1]) for out in outputs)
    return found


def child(frames, threads, trainings):
    """Print the seconds of several trainings of 100 epochs, in this process."""
    tf.config.threading.set_intra_op_parallelism_threads(threads)
    train = benchmarks.first_frames(SOURCES["au6"], frames)
    statistics = Statistics.of(train)
    data = train.positions, train.energies
    one = epoch_seconds(catalogue.build("eq2", statistics), *data, statistics, 5)
    print(100 * 5 * trainings * one)


def main(argv):
    p = benchmarks.parser(__doc__)
    p.add_argument("--child", nargs=3, type=int, help=argparse.SUPPRESS)
    arguments = p.parse_args(argv)
    if arguments.child:
        child(*arguments.child)
        return 0
    out = cli.console()
    frames = SMOKE_FRAMES if arguments.smoke else FRAMES
    train = benchmarks.first_frames(SOURCES["au6"], frames)
    statistics = Statistics.of(train)
    rate = matmul_rate()
    results = {
        "processor": processor(),
        "cores": cli.cores(),
        "matmul_gflops": rate / 1e9,
        "eq2_ms_an_epoch": {},
        "models": {},
        "ms_an_epoch_by_atoms": {},
    }
    out.print(
        f"{processor()}, {cli.cores()} cores; float32 matrix product {rate / 1e9:.0f} GFLOP/s"
    )

    def eq2(**options):
        return catalogue.build("eq2", statistics, options=options, seed=0)

    data = train.positions, train.energies
    times = results["eq2_ms_an_epoch"]
    ways = (
        (
            FIT,
            lambda: fit_seconds(eq2(form="literal"), train, statistics),
        ),
        ("Keras fit, unique pairs", lambda: fit_seconds(eq2(), train, statistics)),
        (
            "Keras fit, steps_per_execution of an epoch",
            lambda: fit_seconds(eq2(form="literal"), train, statistics, steps_per_execution=63),
        ),
        (
            "compiled epoch, full tensors",
            lambda: epoch_seconds(eq2(form="literal"), *data, statistics, 1),
        ),
        ("compiled epoch, unique pairs", lambda: epoch_seconds(eq2(), *data, statistics, 1)),
        (
            "compiled epoch, unique pairs, 5 seeds side by side",
            lambda: epoch_seconds(eq2(), *data, statistics, 5),
        ),
    )
    for name, seconds in ways[:: len(ways) - 1] if arguments.smoke else ways:
        times[name] = 1000 * seconds()
        ratio = times[FIT] / times[name]
        out.print(f"Eq. 2, {name}: {times[name]:.1f} ms an epoch, {ratio:.1f} x {FIT}")
    for name, experiment in list(ENERGY_MODELS.items())[: 1 if arguments.smoke else None]:
        model = catalogue.build(name, statistics, seed=0)
        by_lanes = {lanes: epoch_seconds(model, *data, statistics, lanes) for lanes in (1, 5)}
        seconds = min(by_lanes.values())
        share = flops_of_a_sample(model, 6) * len(train) / seconds / rate
        results["models"][name] = {
            "ms_an_epoch_1_lane": 1000 * by_lanes[1],
            "ms_an_epoch_5_lanes": 1000 * by_lanes[5],
            "samples_a_second": len(train) / seconds,
            "share_of_matmul_rate": share,
            "lanes_in_registry": experiment.lanes,
        }
        out.print(
            f"{name}: {len(train) / seconds:,.0f} samples/s; an epoch {1000 * by_lanes[1]:.1f} ms "
            f"with 1 lane, {1000 * by_lanes[5]:.1f} ms a lane with 5; {100 * share:.0f} % of the "
            "matrix-product rate"
        )
    samples = min(320, frames)
    for name, by_atoms in {"eq2": (6, 13, 25, 50), "eq4": (6, 13)}.items():
        for n_atoms in by_atoms[: 1 if arguments.smoke else None]:
            positions = cluster_data(n_atoms, samples)
            model = catalogue.build(name, statistics, seed=0)
            seconds = epoch_seconds(model, positions, train.energies[:samples], statistics, 1)
            ms = 1000 * seconds * FRAMES / samples
            results["ms_an_epoch_by_atoms"].setdefault(name, {})[str(n_atoms)] = ms
            out.print(f"{name}, {n_atoms} atoms: {ms:.0f} ms for 2,000 samples")
    results["seconds_of_two_trainings"] = {} if arguments.smoke else threads_and_processes(FRAMES)
    for name, seconds in results["seconds_of_two_trainings"].items():
        out.print(f"two trainings of five lanes, 100 epochs, {name}: {seconds:.1f} s")
    benchmarks.conclude(results, "benchmark.json", arguments.keep, out)
    return 0


if __name__ == "__main__":
    cli.run_script(main)
