"""Taking models apart, with models whose parts are known: EMT itself, in disguise."""

import json

import numpy as np
import pytest

from analysis import learned as analysis_learned
from analysis.atom_models import AtomModel, emt_model, eq2_model, eq3_pair_energy
from analysis.distances import Pairs
from analysis.emt import EmtFunctions
from analysis.learned import (
    Directions,
    Reference,
    compare,
    compare_emt,
    compare_eq2,
    compare_eq3,
    g2,
    how_many,
    one_function_rmse,
    unexplained,
    unexplained_but_for_shift,
)
from data_gen.dataset import Statistics
from figures import learned as figure
from keras_models import catalogue
from keras_models.prediction import predict
from keras_models.saving import save_model
from reproduction.engine.tasks.common import Job
from reproduction.engine.tasks.learned import run
from reproduction.sections import EXPERIMENTS
from reproduction.sections.s4_learned import inner, learned
from reproduction.show.evidence import Evidence, Metrics, Value
from reproduction.show.metrics import UNITS

GOLD = EmtFunctions.of("Au")


@pytest.fixture(scope="module")
def reference(au6):
    return Reference(au6.positions[:200], au6.energies[:200], GOLD)


def disguised(mix: np.ndarray, model: AtomModel) -> AtomModel:
    """The same atom energies from inner functions mixed by a matrix (d, D) of rank d."""
    back = np.linalg.pinv(mix)
    own = np.linspace(-1, 1, mix.shape[1])

    def outer(s):
        energies, slopes = model.outer((s - own) @ back)
        return energies, slopes @ back.T

    return AtomModel(lambda r: model.inner(r) @ mix, own, outer)


def test_parts_of_eq2_are_the_model(au6, statistics):
    model = catalogue.build("eq2", statistics, seed=3, dtype="float64")
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
    model = catalogue.build("eq3", statistics, seed=3, dtype="float64")
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
    plain_model, model = emt_model(GOLD), disguised(mix, emt_model(GOLD))
    plain, _ = compare(plain_model, reference)
    metrics, curves = compare(model, reference)
    plain_found, found = (Directions.of(m, reference.pairs) for m in (plain_model, model))
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

    metrics, _ = compare(AtomModel(lambda r: GOLD.f(r)[:, None], np.zeros(1), outer), reference)
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
    metrics, _ = compare(model, reference)
    assert metrics["rest_unexplained"] < 1e-9


def linear_model(inner, weights) -> AtomModel:
    """E_i = weights . s_i, s_i = sum_j inner(r_ij)."""
    weights = np.asarray(weights, float)
    return AtomModel(
        inner, np.zeros(len(weights)), lambda s: (s @ weights, np.tile(weights, (len(s), 1)))
    )


def test_a_linear_outer_function_reacts_to_one_direction_by_hand(reference):
    """E_i = w . s_i: its response is the variance of E_i, its direction goes along w . inner."""
    pairs = reference.pairs
    model = linear_model(lambda r: np.stack([1 / r, r, np.sin(r)], axis=1), [2.0, 0.0, -3.0])
    found = Directions.of(model, pairs)
    sums = pairs.sums(model.inner(pairs.r))
    assert found.responses[0] == pytest.approx(np.var(model.outer(sums)[0], ddof=1))
    np.testing.assert_allclose(found.responses[1:], 0, atol=1e-9)
    assert found.metrics()["response_1"] == pytest.approx(np.std(model.outer(sums)[0], ddof=1))
    np.testing.assert_allclose(found.variances, np.linalg.eigvalsh(np.cov(sums.T))[::-1])
    directions = sums @ found.vectors.T
    np.testing.assert_allclose(np.cov(directions.T), np.eye(3), atol=1e-6)
    assert abs(np.corrcoef(directions[:, 0], model.outer(sums)[0])[0, 1]) == pytest.approx(1.0)
    # Most of each direction is positive, though 2/r - 3 sin(r) may not be.
    assert ((model.inner(pairs.r) @ found.vectors.T).mean(axis=0) > 0).all()


def test_behler_s_functions_are_explained_by_themselves(reference):
    """One of them as the inner function: in full by the four, in part by EMT's two."""
    pairs = reference.pairs
    metrics, _ = compare(linear_model(lambda r: g2(r)[:, 3:], [1.0]), reference)
    assert metrics["response_unexplained_g2"] < 1e-12
    by_emt = unexplained(g2(pairs.r)[:, 3:], reference.functions[:, :2])[0]
    assert metrics["response_unexplained_emt"] == pytest.approx(by_emt) and by_emt > 1e-6
    by_it = unexplained(g2(pairs.r), g2(pairs.r)[:, 3:])
    assert metrics["g2_unexplained"] == pytest.approx(by_it.mean()) and by_it[3] < 1e-12


def test_errors_of_atom_energies_by_hand(reference):
    """EMT plus sigma^2/10 and a constant, which is free: what is said of E_i is of the square."""
    plain = emt_model(GOLD)

    def outer(s):
        energies, slopes = plain.outer(s)
        return energies + 0.1 * s[:, 0] ** 2 + 3.0, slopes + 0.2 * s[:, :1] * [1.0, 0.0]

    metrics, curves = compare(AtomModel(plain.inner, plain.own, outer), reference)
    off = 0.1 * reference.sigma**2
    assert metrics["atom_unexplained"] == pytest.approx(off.var() / reference.atom_energies.var())
    bent = reference.bent(reference.sigma)
    assert metrics["outer_unexplained"] == pytest.approx(off.var() / bent.var())
    np.testing.assert_allclose(
        curves["curve_outer"], reference.binned(bent + off - off.mean()), atol=1e-9
    )


def test_responses_weigh_what_is_unexplained(reference):
    """cos(20 r) is no EMT: as much of it as the outer function reacts to counts."""
    found = {}
    for weight in (0.1, 1000.0):
        model = linear_model(
            lambda r: np.stack([GOLD.f(r), 0.01 * np.cos(20 * r)], axis=1), [1.0, weight]
        )
        found[weight] = compare(model, reference)[0]["response_unexplained_emt"]
    assert found[0.1] < 0.05 < 0.5 < found[1000.0]


def test_what_h_has_beyond_f_and_g_beyond_its_line(reference):
    f, h, rest = reference.functions.T
    assert rest.mean() == pytest.approx(0, abs=1e-12)
    assert np.mean(rest * f) == pytest.approx(0, abs=1e-12)
    assert unexplained((h - rest)[:, None], f[:, None])[0] < 1e-12
    assert 0 < rest.var() < 2e-3 * h.var()
    bent = reference.bent(reference.sigma)
    assert bent.mean() == pytest.approx(0, abs=1e-9)
    assert np.mean(bent * reference.sigma) == pytest.approx(0, abs=1e-9)
    at = np.quantile(reference.sigma, 0.5) * np.array([0.9, 1.0, 1.1])
    np.testing.assert_allclose(np.diff(reference.bent(at), 2), np.diff(GOLD.g(at), 2), rtol=1e-9)


def test_bins_hold_the_means_of_their_atoms(reference):
    values = np.arange(len(reference.sigma), dtype=float)
    found = reference.binned(values)
    for k, (low, high) in enumerate(zip(reference.bins, reference.bins[1:], strict=False)):
        inside = (reference.sigma >= low) & (reference.sigma < high)
        if inside.any():
            assert found[k] == pytest.approx(values[inside].mean())
        else:
            assert np.isnan(found[k])
    assert np.mean(reference.sigma < reference.bins[0]) == pytest.approx(0.001, abs=0.001)


def test_emt_s_pair_potential_is_its_tangent(reference):
    """Summed over pairs it is sum_i g'(mean sigma) sigma_i + eta_i."""
    slope = GOLD.g_slope(reference.sigma.mean())
    total = reference.linear_pair_energy(reference.pairs.r).reshape(-1, 15).sum(axis=1)
    tangent = (slope * reference.sigma + reference.pair_sums).reshape(-1, 6).sum(axis=1)
    np.testing.assert_allclose(total, tangent, rtol=1e-10)


def test_emt_beside_behler_s_functions(reference):
    metrics, curves = compare_emt(reference)
    r, grid = reference.pairs.r, reference.grid
    np.testing.assert_allclose(
        [metrics[f"{name}_unexplained_g2"] for name in ("f", "h", "rest")],
        unexplained(reference.functions, g2(r)),
    )
    # Each curve is EMT's function but for what Behler's four leave of it.
    for k, name in enumerate(("f", "h", "rest")):
        off = np.interp(r, grid, curves[f"curve_{name}_g2"]) - reference.functions[:, k]
        left = metrics[f"{name}_unexplained_g2"] * reference.functions[:, k].var()
        assert np.mean(off**2) == pytest.approx(left, rel=0.05)
    assert curves["curve_density"].sum() * (grid[-1] - grid[0]) / len(grid) == pytest.approx(1.0)
    np.testing.assert_allclose(curves["curve_outer"], reference.bent(curves["curve_sigma"]))
    # Constants in a pair energy mean nothing: the mean over all pairs is taken off.
    for name, function in (
        ("best", reference.best_pair_energy),
        ("linear", reference.linear_pair_energy),
    ):
        curve = curves[f"curve_pair_{name}"]
        assert np.interp(r, grid, curve).mean() == pytest.approx(0, abs=1e-4)
        assert np.ptp(curve - function(grid)) < 1e-12
    assert metrics["one_function_rmse"] == pytest.approx(
        one_function_rmse(reference, reference.energies)
    )


def test_untrained_is_told_from_trained(reference, statistics):
    trained, untrained = (catalogue.build("eq2", statistics, seed=0) for _ in range(2))
    # Of another seed is not enough: without biases, ReLU units span the same two functions.
    rng = np.random.default_rng(0)
    trained.set_weights([w + rng.normal(0, 0.3, w.shape) for w in trained.get_weights()])
    metrics, curves = compare_eq2(trained, untrained, reference)
    for model, suffix in ((trained, ""), (untrained, "_before")):
        alone, alone_curves = compare(eq2_model(model, 6), reference)
        for name in ("f", "h", "rest"):
            assert metrics[f"{name}_unexplained{suffix}"] == alone[f"{name}_unexplained"]
            np.testing.assert_array_equal(
                curves[f"curve_{name}{suffix}"], alone_curves[f"curve_{name}"]
            )
    for name in ("f", "h", "rest"):
        before = metrics[f"{name}_unexplained_before"]
        assert metrics[f"{name}_unexplained"] != pytest.approx(before, rel=1e-2)


@pytest.mark.parametrize("name", ["h", "linear", "best"])
def test_a_pair_energy_is_known_again_whatever_its_constant(reference, monkeypatch, name):
    pair = {
        "h": lambda r: 2 * GOLD.h(r),
        "linear": reference.linear_pair_energy,
        "best": reference.best_pair_energy,
    }[name]
    monkeypatch.setattr(analysis_learned, "eq3_pair_energy", lambda model: lambda r: pair(r) + 5.0)
    metrics, curves = compare_eq3(None, reference)
    shifts = {other: metrics[f"pair_unexplained_{other}"] for other in ("h", "linear", "best")}
    assert shifts.pop(name) < 1e-12 < 1e-3 < min(shifts.values())
    combined = metrics["pair_unexplained_fh"]
    assert combined < 1e-12 if name != "best" else combined > 1e-3
    r = reference.pairs.r
    assert metrics["pair_unexplained_g2"] == unexplained((pair(r) + 5.0)[:, None], g2(r))[0]
    grid = reference.grid
    np.testing.assert_allclose(curves["curve_pair"], pair(grid) - pair(r).mean(), atol=1e-10)


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
    assert unexplained_but_for_shift(np.array([1.0, 2.0, 3.0]), np.array([11.0, 12.0, 13.0])) == 0.0
    assert unexplained_but_for_shift(np.array([1.0, 2.0, 3.0]), np.zeros(3)) == 1.0
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


def test_rows_run_and_are_drawn(au6, tmp_path):
    """Every row on untrained models: all numbers have a unit, and the figure needs curves alone."""
    statistics = Statistics.of(au6[:200])
    rows = []
    (tmp_path / "curves").mkdir()
    for experiment in EXPERIMENTS.values():
        if experiment.table != "learned":
            continue
        if experiment.models_of:
            model = catalogue.build(experiment.model, statistics, seed=0)
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
    paths = figure.draw(tmp_path)
    assert [path.suffix for path in paths] == [".svg", ".png"]
    svg = (tmp_path / "figures/learned.svg").read_text()
    for label in ("EMT", "Eq. 2, E and F", "Eq. 2 before training", "Eq. 3, longer"):
        assert f"<!-- {label} -->" in svg


def test_eq2_can_be_built_with_fewer_inner_functions(statistics):
    experiment = EXPERIMENTS["beyond/eq2-inner-2"]
    assert json.loads(json.dumps(experiment.settings())) == experiment.settings()
    model = catalogue.build("eq2", statistics, experiment.widths)
    assert model.count_params() == (1 * 50 + 50) + (50 * 2 + 2) + (2 * 50 + 50) + (50 + 1)
    rows = [Value("beyond/eq2-inner-2", k, "test", "energy_rmse", 0.01) for k in range(2)]
    lines = inner(Evidence(Metrics(rows), EXPERIMENTS)).rows
    assert [row[0] for row in lines[:5]] == ["1", "2", "3", "5", "20"]
    assert lines[1][2] == "0.0100 ± 0.0000" or lines[1][2].startswith("0.010")
    assert lines[0][2] == "not run yet"
