"""Benchmark of calculators: energy and forces of gold, from clusters to 100,000 atoms.

On one core; each model of crystals in a process of its own, whose peak memory is measured, and the
clusters in another. Takes about ten minutes; with --keep it writes results/benchmark-scale.json,
which is shown in docs/results/speed.md.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import time
import warnings
from functools import partial

import asap3
import numpy as np
from ase import units
from ase.build import bulk
from ase.calculators.emt import EMT
from ase.cluster import Icosahedron
from ase.md.velocitydistribution import thermalize_momenta
from ase.md.verlet import VelocityVerlet

from data_gen.frames import Frames
from data_gen.machine import processor
from data_gen.structures import build_structure
from keras_models import catalogue
from keras_models.backend import tf
from keras_models.calculator import ExtrapolationWarning, KerasCalculator
from reproduction import benchmarks, cli
from reproduction.engine.provenance import ROOT
from reproduction.sections.beyond_scale import EQ2

# Cubic cells along each direction of a crystal: 864 to 97,556 atoms.
CELLS, SMOKE_CELLS = (6, 10, 14, 20, 29), (6,)
LATTICE_A, RATTLED_A, MOVED_A = 4.08, 0.1, 0.002
# What a call of it takes at the largest size is told by the smaller ones.
MOST_ATOMS_OF_ASE = 15_000
ENSEMBLE = ROOT / "results/models/eq2-gradient"
RNG = np.random.default_rng(0)
SUBJECTS = ("1 round", "3 rounds", "asap3 EMT", "ASE EMT")
# Calls of a cluster, of which the median is taken, and how often.
CALLS, SERIES = 400, 5


def crystal(cells, seed=1):
    """A gold crystal at the density of 0 K, with displaced atoms."""
    atoms = bulk("Au", "fcc", a=LATTICE_A, cubic=True).repeat(cells)
    atoms.rattle(RATTLED_A, seed=seed)
    return atoms


def linear_eq4(rounds):
    """A model with its first weights, as the time does not depend on them."""
    frames = [crystal(3, seed) for seed in range(4)]
    for atoms in frames:
        atoms.calc = EMT()
    options = {"rounds": rounds}
    return catalogue.build("linear_eq4", Frames.from_atoms(frames), options=options, seed=0)


def calculator(subject):
    """The calculator of one of the subjects."""
    if subject.endswith("EMT"):
        return {"asap3 EMT": asap3.EMT, "ASE EMT": EMT}[subject]()
    return KerasCalculator(linear_eq4(int(subject[0])))


def seconds_of_calls(atoms, calls, before=lambda: None):
    """Seconds of each of several calls for energy and forces, at new positions as in dynamics."""
    start, times = atoms.positions.copy(), []
    for _ in range(calls):
        atoms.positions = start + RNG.normal(scale=MOVED_A, size=start.shape)
        before()
        begin = time.perf_counter()
        atoms.get_forces()
        atoms.get_potential_energy()
        times.append(time.perf_counter() - begin)
    atoms.positions = start
    return times


def of_crystals(subject, cells):
    """Milliseconds of a call and peak memory for each crystal, the smallest first."""
    calc, found = calculator(subject), []
    for n in cells:
        atoms = crystal(n)
        if subject == "ASE EMT" and len(atoms) > MOST_ATOMS_OF_ASE:
            continue
        atoms.calc = calc
        first = seconds_of_calls(atoms, 1)
        calls = 3 if first[0] > 5 else 5
        one = {"atoms": len(atoms), "ms": 1000 * min(seconds_of_calls(atoms, calls))}
        if isinstance(calc, KerasCalculator):
            forget = calc.potential.neighbours.forget
            one["ms_with_list"] = 1000 * min(seconds_of_calls(atoms, 3, forget))
        # In kB on Linux.
        one["peak_mb"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        found.append(one)
    return found


def of_small(smoke):
    """Milliseconds of a call, and of the compiled function in it, for clusters; and dynamics."""
    au6, calls = build_structure("au6-octahedron"), 20 if smoke else CALLS
    clusters = {f"{name} on Au6": (au6, partial(calculator, name)) for name in SUBJECTS[2:]}
    clusters[EQ2] = au6, partial(KerasCalculator, ENSEMBLE / "seed0.keras")
    if not smoke:
        clusters["Eq. 2, ensemble of five, on Au6"] = au6, partial(KerasCalculator, ENSEMBLE)
        for name in SUBJECTS[:2]:
            clusters[f"linear Eq. 4, {name}, on Au13"] = (
                Icosahedron("Au", 2),
                partial(calculator, name),
            )
    found = {}
    for name, (atoms, make) in clusters.items():
        atoms.calc = make()
        seconds_of_calls(atoms, 20)
        series = [1000 * float(np.median(seconds_of_calls(atoms, calls))) for _ in range(SERIES)]
        found[name] = {"ms": float(np.median(series)), "ms_of_series": series}
        if not isinstance(atoms.calc, KerasCalculator):
            continue
        compiled, inside = atoms.calc.potential.compiled, []

        def timed(inputs, compiled=compiled, inside=inside):
            begin = time.perf_counter()
            out = compiled(inputs)
            inside.append(time.perf_counter() - begin)
            return out

        atoms.calc.potential.compiled = timed
        seconds_of_calls(atoms, calls)
        atoms.calc.potential.compiled = compiled
        found[name]["compiled_ms"] = 1000 * float(np.median(inside))
        if name == EQ2:
            thermalize_momenta(atoms, 300, rng=RNG)
            dynamics, steps = VelocityVerlet(atoms, 2 * units.fs), 20 if smoke else 1000
            begin = time.perf_counter()
            dynamics.run(steps)
            seconds = time.perf_counter() - begin
            found[name]["atom_steps_a_second"] = len(atoms) * steps / seconds
    return found


def measured(subject, smoke):
    """What is measured of a subject, in this process."""
    warnings.simplefilter("ignore", ExtrapolationWarning)
    if subject == "small":
        return of_small(smoke)
    return of_crystals(subject, SMOKE_CELLS if smoke else CELLS)


def in_a_process(subject):
    """The same in a process of its own."""
    command = [sys.executable, __file__, "--child", subject]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    return json.loads(done.stdout.splitlines()[-1])


def main(argv):
    p = benchmarks.parser(__doc__)
    p.add_argument("--child", help=argparse.SUPPRESS)
    arguments = p.parse_args(argv)
    if arguments.child:
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
        tf.config.threading.set_intra_op_parallelism_threads(1)
        tf.config.threading.set_inter_op_parallelism_threads(1)
        print(json.dumps(measured(arguments.child, False)))
        return 0
    out, smoke = cli.console(), arguments.smoke
    results = {"processor": processor(), "crystals": {}}
    for subject in SUBJECTS[:: 2 if smoke else 1]:
        found = measured(subject, smoke) if smoke else in_a_process(subject)
        results["crystals"][subject] = found
        for one in found:
            anew = (
                f", {one['ms_with_list']:.0f} ms with a new list" if "ms_with_list" in one else ""
            )
            out.print(
                f"{subject}, {one['atoms']:,} atoms: {one['ms']:.1f} ms a call, "
                f"{1000 * one['atoms'] / one['ms']:,.0f} atoms/s{anew}; {one['peak_mb']:.0f} MB"
            )
    results["small"] = measured("small", smoke) if smoke else in_a_process("small")
    for name, one in results["small"].items():
        inside = f", {one['compiled_ms']:.3f} ms of it compiled" if "compiled_ms" in one else ""
        out.print(f"{name}: {one['ms']:.3f} ms a call{inside}")
        if "atom_steps_a_second" in one:
            out.print(f"{name}: {one['atom_steps_a_second']:,.0f} atom-steps/s of dynamics")
    benchmarks.conclude(results, "benchmark-scale.json", arguments.keep, out)
    return 0


if __name__ == "__main__":
    cli.run_script(main)
