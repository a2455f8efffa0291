"""Taking models apart, with models whose parts are known: EMT itself, in disguise."""

import json
import subprocess
import sys

import numpy as np
import pytest

from analysis.emt import EmtFunctions
from data_gen.dataset import Statistics
from keras_models import energy
from keras_models.saving import save_model
from keras_models.training import build_seeded, precision, predict
from reproduction.engine.tasks.common import Job
from reproduction.engine.tasks.learned import (
    AtomModel,
    Directions,
    Pairs,
    Reference,
    compare,
    emt_model,
    eq2_model,
    eq3_pair_energy,
    g2,
    how_many,
    one_function_rmse,
    pair_shift,
    run,
    unexplained,
)
from reproduction.sections import EXPERIMENTS
from reproduction.sections.s4_learned import inner, learned
from reproduction.show.evidence import Evidence, Metrics, Value
from reproduction.show.metrics import UNITS

GOLD = EmtFunctions.of("Au")


@pytest.fixture(scope="module")
def reference(au6):
    return Reference(au6.positions[:200], GOLD)


def disguised(mix: np.ndarray, model: AtomModel) -> AtomModel:
    """The same atom energies from inner functions mixed by a matrix (d, D) of rank d."""
    back = np.linalg.pinv(mix)
    own = np.linspace(-1, 1, mix.shape[1])

    def outer(s):
        energies, slopes = model.outer((s - own) @ back)
        return energies, slopes @ back.T

    return AtomModel(lambda r: model.inner(r) @ mix, own, outer)


def test_parts_of_eq2_are_the_model(au6, statistics):
    with precision("float64"):
        model = build_seeded(lambda: energy.eq2(statistics, activation="relu"), 3)
    x = au6.positions[:30]
    pairs, parts = Pairs(x), eq2_model(model, 6)
    sums = parts.own + pairs.sums(parts.inner(pairs.r))
    energies, slopes = parts.outer(sums)
    np.testing.assert_allclose(
        energies.reshape(30, 6).sum(axis=1), predict(model, x)[:, 0], rtol=1e-12
    )
    step = 1e-6 * np.random.default_rng(0).standard_normal(sums.shape)
    change = (parts.outer(sums + step)[0] - parts.outer(sums - step)[0]) / 2
    np.testing.assert_allclose((slopes * step).sum(axis=1), change, rtol=1e-4, atol=1e-10)


def test_pair_energy_of_eq3_is_the_model_but_for_a_constant(au6, statistics):
    with precision("float64"):
        model = build_seeded(lambda: energy.eq3(statistics), 3)
    x = au6.positions[:30]
    pairs = eq3_pair_energy(model)(Pairs(x).r).reshape(30, 15).sum(axis=1)
    assert np.std(predict(model, x)[:, 0] - pairs) < 1e-10 < 1e-3 < np.std(pairs)


def test_sums_are_over_neighbours(au6, reference):
    x = au6.positions[:200]
    sigma, eta = GOLD.sums(x)
    np.testing.assert_allclose(reference.sigma, sigma.ravel(), rtol=1e-12)
    np.testing.assert_allclose(reference.pair_sums, eta.ravel(), rtol=1e-12)
    energies = reference.atom_energies.reshape(-1, 6).sum(axis=1)
    np.testing.assert_allclose(energies, au6.energies[:200], atol=1e-10)


def test_emt_in_disguise_is_found_out(reference, rng):
    """Twenty mixtures of f and h, one of them blown up: the same directions, nothing unexplained.

    Principal components are of the mixture; responses are not.
    """
    mix = rng.standard_normal((2, 20))
    mix[:, 0] *= 30
    plain, _, plain_found = compare(emt_model(GOLD), reference)
    metrics, curves, found = compare(disguised(mix, emt_model(GOLD)), reference)
    np.testing.assert_allclose(found.responses[:2], plain_found.responses, rtol=1e-6)
    assert len(plain_found.responses) == 2 and found.responses[2:].sum() < 1e-8
    for name in ("f", "h", "rest"):
        assert metrics[f"{name}_unexplained"] < 1e-9
    for name in ("atom_unexplained", "outer_unexplained", "response_unexplained_emt"):
        assert metrics[name] < 1e-9
    assert metrics["response_unexplained_g2"] == pytest.approx(plain["response_unexplained_g2"])
    np.testing.assert_allclose(curves["curve_f"], GOLD.f(reference.grid), atol=1e-5)
    middles = (reference.bins[1:] + reference.bins[:-1]) / 2
    seen = np.isfinite(curves["curve_outer"])
    off = (curves["curve_outer"] - reference.bent(middles))[seen]
    assert seen.mean() > 0.8
    assert np.abs(off).max() < 0.02  # the width of a bin


def test_a_model_of_one_function_is_told_from_emt(reference):
    """h's sums replaced by the best multiple of f's: 0.1 % of h, and no EMT any more."""
    slope = np.polyfit(reference.sigma, reference.pair_sums, 1)

    def outer(s):
        sigma = s[:, 0]
        return GOLD.g(sigma) + np.polyval(slope, sigma), GOLD.g_slope(s) + slope[0]

    metrics, _, _ = compare(AtomModel(lambda r: GOLD.f(r)[:, None], np.zeros(1), outer), reference)
    assert metrics["directions_999"] == 1
    assert metrics["f_unexplained"] < 1e-12
    assert metrics["h_unexplained"] < 2e-3
    assert metrics["rest_unexplained"] == pytest.approx(1.0)
    assert metrics["atom_unexplained"] > 0.1


def test_a_direction_that_the_outer_function_ignores_does_not_matter(reference):
    """A third inner function, varied the most and not used."""
    plain = emt_model(GOLD)
    model = AtomModel(
        lambda r: np.column_stack([plain.inner(r), 1e3 * np.cos(r)]),
        np.zeros(3),
        lambda s: (
            plain.outer(s[:, :2])[0],
            np.column_stack([plain.outer(s[:, :2])[1], np.zeros(len(s))]),
        ),
    )
    found = Directions.of(model, reference.pairs)
    numbers = found.metrics()
    assert numbers["components_99"] == 1  # the one that is not used
    assert numbers["directions_999"] == 2 and numbers["response_3"] < 1e-6
    metrics, _, _ = compare(model, reference)
    assert metrics["rest_unexplained"] < 1e-9


def test_one_function_is_enough_for_a_potential_of_one(reference):
    """sum_i (a f + b h summed)^2 is found; EMT is not."""
    u = 0.7 * reference.sigma - 0.05 * reference.pair_sums
    energies = (u**2).reshape(-1, 6).sum(axis=1)
    assert one_function_rmse(reference, energies) < 1e-3 * energies.std()
    emt = reference.atom_energies.reshape(-1, 6).sum(axis=1)
    assert one_function_rmse(reference, emt) > 0.3 * emt.std()


def test_unexplained_by_hand():
    x = np.array([[0.0], [1.0], [2.0], [3.0]])
    # y = (0, 1, 1, 2): slope 0.6, the rest has squares 0.2 of a total of 2.
    targets = np.array([[0.0, 5.0], [1.0, 3.0], [1.0, 1.0], [2.0, -1.0]])
    np.testing.assert_allclose(unexplained(targets, x), [0.1, 0.0], atol=1e-12)
    assert pair_shift(np.array([1.0, 2.0, 3.0]), np.array([11.0, 12.0, 13.0])) == 0.0
    assert pair_shift(np.array([1.0, 2.0, 3.0]), np.zeros(3)) == 1.0
    assert [how_many(np.array([1.0, 97.0, 2.0]), p) for p in (0.9, 0.98, 0.995)] == [1, 2, 3]


def test_g2_is_amp_s():
    gaussian = pytest.importorskip("amp.descriptor.gaussian")
    from amp.descriptor.cutoffs import Cosine

    defaults = gaussian.make_default_symmetry_functions(["Au"])["Au"]
    etas = [g["eta"] for g in defaults if g["type"] == "G2"]
    for r in (2.3, 4.0, 6.4):
        theirs = [
            gaussian.calculate_G2(
                [79],
                ["Au"],
                [np.array([r, 0, 0])],
                "Au",
                eta,
                0.0,
                Cosine(6.5).todict(),
                np.zeros(3),
                False,
            )
            for eta in etas
        ]
        np.testing.assert_allclose(g2(np.array([r]))[0], theirs, rtol=1e-12)
    assert not g2(np.array([6.6])).any()


def job_of(name, au6, folder):
    train, test = au6.split(200, 100)
    return Job(EXPERIMENTS[name], (0,), train, test, "", folder / "c", folder, lambda *_: None)


def test_rows_run_and_are_drawn_without_tensorflow(au6, tmp_path):
    """Every row on untrained models: all numbers have a unit, and the figure needs curves alone."""
    statistics = Statistics.of(au6[:200])
    rows = []
    (tmp_path / "curves").mkdir()
    for experiment in EXPERIMENTS.values():
        if experiment.table != "learned":
            continue
        if experiment.models_of:
            model = build_seeded(lambda e=experiment: getattr(energy, e.model)(statistics), 0)
            path = tmp_path / experiment.models_of / "seed0/model.keras"
            path.parent.mkdir(parents=True)
            save_model(model, path, ["Au"])
        result = run(job_of(experiment.id, au6, tmp_path))[0]
        assert {name for _, name in result.metrics} <= set(UNITS)
        assert np.isfinite(list(result.metrics.values())).all()
        rows += [Value(experiment.id, 0, *key, value) for key, value in result.metrics.items()]
        path = tmp_path / "curves" / f"{experiment.id.replace('/', '-')}.npz"
        np.savez(path, **{k: v[None] for k, v in result.arrays.items() if k.startswith("curve_")})
    table = learned(Evidence(Metrics(rows), EXPERIMENTS))
    assert table.rows[0][1:] == ("1",) * (len(table.columns) - 1)
    cells = {row[0]: row[1:] for row in table.rows}
    assert cells["atom energies, unexplained by EMT's"][0] == "0"
    # A network before training against the same network before training.
    assert cells["h beyond f, before training"][1] == cells["h beyond f, unexplained by them"][1]
    code = (
        "import sys, pathlib; from figures import learned\n"
        "paths = learned.draw(pathlib.Path(sys.argv[1]))\n"
        "assert [p.suffix for p in paths] == ['.svg', '.png'] and 'tensorflow' not in sys.modules"
    )
    done = subprocess.run([sys.executable, "-c", code, tmp_path], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    svg = (tmp_path / "figures/learned.svg").read_text()
    for label in ("EMT", "Eq. 2, E and F", "Eq. 2 before training", "Eq. 3, longer"):
        assert f"<!-- {label} -->" in svg


def test_nothing_is_drawn_of_nothing(tmp_path):
    from figures import learned as figure

    assert figure.draw(tmp_path) == []


def test_eq2_can_be_built_with_fewer_inner_functions(statistics):
    experiment = EXPERIMENTS["beyond/eq2-inner-2"]
    assert json.loads(json.dumps(experiment.settings())) == experiment.settings()
    model = energy.eq2(statistics, experiment.widths)
    assert model.count_params() == (1 * 50 + 50) + (50 * 2 + 2) + (2 * 50 + 50) + (50 + 1)
    rows = [Value("beyond/eq2-inner-2", k, "test", "energy_rmse", 0.01) for k in range(2)]
    lines = inner(Evidence(Metrics(rows), EXPERIMENTS)).rows
    assert [row[0] for row in lines] == ["1", "2", "3", "5", "20"]
    assert lines[1][2] == "0.0100 ± 0.0000" or lines[1][2].startswith("0.010")
    assert lines[0][2] == "not run yet"
