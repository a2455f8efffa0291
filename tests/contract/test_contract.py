"""The contract of every model in the catalogue: what it must depend on, and what it must not."""

import itertools
import json
import subprocess
import sys

import numpy as np
import pytest
from conftest import STATISTICS, cluster
from contract.models import VARIANTS, answers, build, entry, inputs_of, symmetries, training
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation
from twins import energy as twins
from twins import force as twins_force
from twins import graph as twins_graph

from data_gen.frames import Frames
from keras_models import catalogue, load_model
from keras_models.backend import keras, tf
from reproduction.engine.provenance import ROOT

SHIPPED = ROOT / "results" / "models"
# Sums of some thousand products of order one.
TOLERANCE = {"float32": 1e-4, "float64": 1e-11}
CLUSTERS = [v for v in VARIANTS if not entry(v).periodic]
FORMS = [v for v in VARIANTS if entry(v).forms and v.endswith("literal")]
# A literal form is equal to the fast one, in values and gradients: what is asked of that holds.
DISTINCT = [v for v in VARIANTS if v not in FORMS]
TWINS = {"graph_network": twins_graph, "distance_graph_network": twins_graph}


def move(symmetry, x, rng):
    """x moved, the order of its atoms, and the matrix that turned it."""
    order, turn, shift = np.arange(len(x)), np.eye(3), np.zeros(3)
    if symmetry == "translation":
        shift = rng.uniform(-5, 5, 3)
    elif symmetry == "permutation":
        order = rng.permutation(len(x))
    else:
        sign = -1 if symmetry == "reflection" else 1
        turn = sign * Rotation.random(random_state=int(rng.integers(2**31))).as_matrix()
    return x[order] @ turn.T + shift, order, turn


def departures(variant, dtype, asked, x, rng):
    """{symmetry: how far a moved molecule's energy, or turned forces, are from what they should be}

    Of all moves at once, as a call takes longer than its arithmetic.
    """
    moves = [move(symmetry, x, rng) for symmetry in asked]
    before, *after = answers(build(variant, dtype), np.stack([x, *(moved for moved, *_ in moves)]))
    size, found = max(1.0, np.abs(before).max()), {}
    for symmetry, (_, order, turn), one in zip(asked, moves, after, strict=True):
        expected = before[order] @ turn.T if entry(variant).output == "force" else before
        found[symmetry] = np.abs(one - expected).max() / size
    return found


KNOWN = {v: [s for s in catalogue.SYMMETRIES if s in symmetries(v)] for v in DISTINCT}
UNKNOWN = {v: [s for s in catalogue.SYMMETRIES if s not in known] for v, known in KNOWN.items()}


@pytest.mark.parametrize("variant", [v for v, known in KNOWN.items() if known])
@settings(max_examples=6, deadline=None)
@given(data=st.data(), seed=st.integers(0, 2**32 - 1), dtype=st.sampled_from(sorted(TOLERANCE)))
def test_what_the_catalogue_says_is_known_is_known(variant, data, seed, dtype):
    rng = np.random.default_rng(seed)
    x = cluster(rng, data.draw(st.integers(2, 7)))
    found = departures(variant, dtype, KNOWN[variant], x, rng)
    assert max(found.values()) < TOLERANCE[dtype], found


@pytest.mark.parametrize("variant", [v for v, unknown in UNKNOWN.items() if unknown])
def test_what_it_does_not_say_is_not_known(variant, rng):
    """By the equations' design: a network that were equivariant would not be the report's."""
    found = departures(variant, "float64", UNKNOWN[variant], cluster(rng, 6), rng)
    assert min(found.values()) > 1e-3, found


@pytest.mark.parametrize("variant", VARIANTS)
def test_output_depends_on_the_shape(variant, rng):
    """The symmetries would hold for a constant, too; and no force model makes its sum zero."""
    x = cluster(rng, 6)
    small, large = answers(build(variant), np.stack([x, 1.05 * x]))
    assert np.abs(large - small).max() > 1e-3
    if entry(variant).output == "force":
        assert np.abs(small.sum(axis=0)).max() > 1e-2


# A fast form is held against the literal one, too.
TWINNED = [
    (v, activation)
    for v in CLUSTERS
    for activation in ("relu", "silu")
    if activation == "silu" or not v.endswith("fast")
]


@pytest.mark.parametrize(("variant", "activation"), TWINNED)
def test_equals_its_slow_twin(variant, activation, rng):
    """Behler's twin is in test_behler.py."""
    name, options = VARIANTS[variant]
    model = build(variant, activation=activation)
    weights = twins.weights_of(model)
    force = entry(variant).output == "force"
    twin = getattr(twins_force if force else TWINS.get(name, twins), name)
    more = {k: v for k, v in options.items() if k != "form"}
    for n_atoms in (2, 5):
        x = cluster(rng, n_atoms)
        # A force's twin takes its options as one argument, since they go through to its vectors.
        more = {"o": options} if force else more
        expected = np.array(twin(x.tolist(), weights, STATISTICS, activation, **more))
        found = answers(model, x[None])[0]
        np.testing.assert_allclose(
            found if force else found[0], expected, rtol=0, atol=1e-11 * np.abs(expected).max()
        )


@pytest.mark.parametrize("variant", FORMS)
def test_the_fast_form_is_the_literal_one(variant, rng):
    """Same first weights, values, and gradients by weights and positions."""
    name, options = VARIANTS[variant]
    fresh = [
        catalogue.build(name, STATISTICS, options={**options, "form": form}, seed=3)
        for form in ("literal", "fast")
    ]
    for a, b in zip(*map(twins.weights_of, fresh), strict=True):
        assert a == b
    for a, b in zip(*(twins.weights_of(m).values() for m in fresh), strict=True):
        np.testing.assert_array_equal(a[0], b[0])
    literal, fast = build(variant), build(variant.replace("literal", "fast"))
    direction = {}
    for n_atoms in (2, 3, 6):
        x = tf.constant(np.stack([cluster(rng, n_atoms) for _ in range(3)]))
        found = []
        for model in (literal, fast):
            with tf.GradientTape() as tape:
                tape.watch(x)
                out = model(x)
                direction.setdefault(n_atoms, tf.constant(rng.standard_normal(out.shape)))
                loss = tf.reduce_sum(out * direction[n_atoms])
            by = {v.path: v.value for v in model.trainable_variables}
            gradients = tape.gradient(loss, {"x": x, **by})
            found.append({"out": out, **gradients})
        assert found[0].keys() == found[1].keys()
        for key, one in found[0].items():
            size = np.abs(one).max()
            np.testing.assert_allclose(one, found[1][key], rtol=0, atol=1e-11 * max(size, 1.0))


@pytest.mark.parametrize(
    ("name", "count"),
    [
        ("eq2", 2221),
        ("eq3", 2221),
        ("eq4", 2371),
        ("eq5", 4291),
        ("eq6", 1823),
        ("eq7", 1883),
        ("eq7_as_printed", 1823),
        ("eq8", 4643),
        ("eq9", 5483),
        ("graph_network", 331),
        ("distance_graph_network", 7481),
    ],
)
def test_parameter_counts_follow_from_the_widths(name, count):
    """Counted by hand from the report's tables, with input widths and biases."""
    assert catalogue.build(name, STATISTICS).count_params() == count


@pytest.mark.parametrize("variant", DISTINCT)
def test_batch_equals_single(variant, rng):
    model, x = build(variant), np.stack([cluster(rng, 6) for _ in range(7)])
    single = np.concatenate([answers(model, one[None]) for one in x])
    np.testing.assert_allclose(answers(model, x), single, rtol=0, atol=1e-11)


# Vectors with C2 contain those without.
WITHOUT_C2 = {v for v in CLUSTERS if v.replace("-none-", "-all-") in set(CLUSTERS) - {v}}


COMPILED = [v for v in CLUSTERS if "raw" not in v and v not in WITHOUT_C2]
# Of the literal forms one, with the most layers.
LITERAL = "eq9-inverse_square-all-literal"


@pytest.mark.parametrize("variant", [v for v in COMPILED if v in DISTINCT or v == LITERAL])
def test_xla_and_plain_agree_when_the_number_of_atoms_is_open(variant, rng):
    model = build(variant)
    spec = tf.TensorSpec((None, None, 3), tf.float64)
    compiled = tf.function(lambda x: model(x), jit_compile=True, input_signature=[spec])
    x = cluster(rng, 5)[None]
    np.testing.assert_allclose(compiled(x), answers(model, x), rtol=0, atol=1e-11)


@pytest.mark.parametrize("variant", DISTINCT)
def test_gradients_are_right_and_finite(variant, rng):
    """Through the i = j terms, too: against finite differences, in float64."""
    model = build(variant, activation=None if entry(variant).periodic else "silu")
    x = cluster(rng, 6)[None]
    inputs = inputs_of(model, x)
    positions = inputs["positions"] if isinstance(inputs, dict) else inputs
    with tf.GradientTape() as tape:
        tape.watch(positions)
        out = model(inputs)
        direction = rng.standard_normal(out.shape)
        total = tf.reduce_sum(out * tf.constant(direction))
    # That of an edge list is not dense before the conversion.
    gradient = tf.convert_to_tensor(tape.gradient(total, positions)).numpy().reshape(x.shape)
    step = rng.standard_normal(x.shape)
    assert np.isfinite(gradient).all()
    if "translation" in symmetries(variant):
        np.testing.assert_allclose(gradient.sum(axis=1), 0, atol=1e-10)
    ends = [(answers(model, x + sign * 1e-5 * step) * direction).sum() for sign in (1, -1)]
    slope = (ends[0] - ends[1]) / 2e-5
    assert (gradient * step).sum() == pytest.approx(slope, rel=1e-6, abs=1e-8)


# The literal forms of an equation have the same layers, whatever the vectors are.
SAVED = [*DISTINCT, *{VARIANTS[v][0]: v for v in FORMS}.values()]


def test_saved_and_shipped_models_open_in_a_fresh_process(rng, tmp_path):
    """In Keras's safe mode, by nothing but the function that the README names.

    Those of the catalogue with the same bits, and without a word.
    """
    x = cluster(rng, 6)[None]
    for variant in SAVED:
        build(variant).save(tmp_path / f"{variant}.keras")
        inputs = inputs_of(build(variant), x)
        np.savez(
            tmp_path / f"{variant}.npz", **inputs if isinstance(inputs, dict) else {"x": inputs}
        )
    code = (
        "import pathlib, sys, numpy as np; from keras_models import load_model\n"
        "for path in sorted(pathlib.Path(sys.argv[2]).glob('*/*.keras')):\n"
        "    print(load_model(path).name)\n"
        "folder = pathlib.Path(sys.argv[1])\n"
        "for path in folder.glob('*.keras'):\n"
        "    x = dict(np.load(path.with_suffix('.npz')))\n"
        "    y = load_model(path)(x.get('x', x)).numpy()\n"
        "    np.save(path.with_suffix('.npy'), y)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path), str(SHIPPED)], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""  # nothing of TensorFlow's start-up reaches the user
    for variant in SAVED:
        np.testing.assert_array_equal(
            np.load(tmp_path / f"{variant}.npy"), answers(build(variant), x)
        )
    assert set(done.stdout.split()) == {"behler", "eq2"}


def test_keras_itself_opens_a_saved_model(tmp_path, rng):
    model, x = build("eq2-fast"), cluster(rng, 6)[None]
    model.save(tmp_path / "model.keras")
    again = keras.saving.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(again(x), model(x))
    np.testing.assert_array_equal(load_model(tmp_path / "model.keras")(x), model(x))


def test_a_smooth_activation_makes_the_energy_twice_differentiable(rng):
    model, x = build("distance_graph_network-2", activation="silu"), cluster(rng, 4)[None]
    with tf.GradientTape() as outer:
        position = tf.constant(x)
        outer.watch(position)
        with tf.GradientTape() as inner:
            inner.watch(position)
            energy = model(position)
        gradient = inner.gradient(energy, position)
    hessian = outer.jacobian(gradient, position).numpy().reshape(12, 12)
    np.testing.assert_allclose(hessian, hessian.T, rtol=0, atol=1e-12 * np.abs(hessian).max())
    step = rng.standard_normal(x.shape)
    energies = [answers(model, x + k * 1e-3 * step)[0, 0] for k in (-1, 0, 1)]
    curvature = (energies[2] - 2 * energies[1] + energies[0]) / 1e-6
    assert step.ravel() @ hessian @ step.ravel() == pytest.approx(curvature, rel=1e-3)


@pytest.mark.parametrize(
    ("name", "changes", "says"),
    [
        ("eq2", {"widths": ((20, 50, 1), (2, 50, 20))}, "is 1 wide, not 2"),
        ("eq2", {"widths": ((20, 50, 1), (1, 50, 19))}, "is 19 wide, not 20"),
        ("eq2", {"options": {"form": "quick"}}, "'literal' or 'fast'"),
        ("eq6", {"options": {"vectors": "inverse"}}, "must be"),
        ("eq6", {"options": {"c2": "outer"}}, "'none', 'all'"),
        ("eq9", {"options": {"c2": "inner"}}, "'none', 'outer', 'all'"),
        ("eq9", {"widths": ((50, 1), (50, 20, 20), (50, 20, 20))}, "3 components, not 1"),
        ("graph_network", {"widths": ((6, 12, 1), (12, 6), (6, 12))}, "is 24 wide, not 12"),
        (
            "distance_graph_network",
            {"widths": ((20, 50, 1), (10, 50, 20), (1, 50, 20))},
            "is 20 wide, not 10",
        ),
        ("distance_graph_network", {"options": {"steps": 0}}, "at least one"),
        ("eq1", {}, "no model 'eq1'"),
        ("linear_eq4", {"options": {"order": 4}}, "order is 1, 2 or 3"),
        ("linear_eq4", {"options": {"rounds": 0}}, "rounds at least 1"),
        ("linear_eq4", {"options": {"elements": "both"}}, "'outputs' or 'input'"),
    ],
)
def test_what_does_not_fit_is_refused(name, changes, says):
    data = (
        training() if catalogue.MODELS.get(name, entry("behler")).inputs == "edges" else STATISTICS
    )
    with pytest.raises(ValueError, match=says):
        catalogue.build(name, data, **changes)


def test_the_training_part_must_be_of_a_kind_that_fits():
    """Statistics do not say what a model on edge lists needs, nor do frames of any size others."""
    for name, data, says in (
        ("linear_eq4", STATISTICS, "not its statistics alone"),
        ("eq2", training(), "needs a Dataset"),
    ):
        with pytest.raises(ValueError, match=says):
            catalogue.build(name, data)


def test_a_model_on_edge_lists_is_built_from_a_dataset_as_from_its_frames(short):
    options = {"cutoff": 5.0, "polynomials": 4, "channels": 3}
    models = [
        catalogue.build("linear_eq4", data, (6,), options=options, seed=0)
        for data in (short, Frames.of(short))
    ]
    a, b = (json.dumps(m.get_config(), default=str, sort_keys=True) for m in models)
    assert a == b and '"Au"' in a


def test_the_contract_is_asked_of_the_whole_catalogue():
    assert {name for name, _ in VARIANTS.values()} == set(catalogue.MODELS)


def test_each_saved_name_stands_for_one_thing():
    """Keras lets a later registration replace an earlier one, and saved models would change."""
    names = [
        line.split("(")[0].split()[1].rstrip(":")
        for path in sorted((ROOT / "keras_models").glob("*.py"))
        for before, line in itertools.pairwise(path.read_text(encoding="utf-8").splitlines())
        if before == "@register"
    ]
    assert len(names) > 50 and len(set(names)) == len(names)
