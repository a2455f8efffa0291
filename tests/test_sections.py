"""The registry: rows are the report's where it prints something, and each has its place."""

import re
from dataclasses import asdict

import pytest

from amp_baseline.settings import AmpSettings
from keras_models.settings import AdamSettings, QuasiNewtonSettings
from reproduction.engine.provenance import ROOT
from reproduction.leaves import sections_of
from reproduction.sections import EXPERIMENTS, SECTIONS, all_tables
from reproduction.sections.s3_behler import TWIN_OF
from reproduction.sections.s3_functions import AMP, older
from reproduction.sections.s3_longer import LONGER, PAST_CRITERION, on
from reproduction.sections.s5_forces import CHOSEN, READINGS
from reproduction.show.evidence import Evidence
from reproduction.show.reported import reported, reported_settings

REPORT = [e for e in EXPERIMENTS.values() if (e.id.split("/")[0] + "/").startswith(e.table + "/")]
REPORT = [e for e in REPORT if not e.id.startswith(("appendix", "data"))]


def numbers(text: str) -> list[int]:
    return [int(n) for n in re.findall(r"\d+", text)]


def flat(widths) -> list[int]:
    return [n for part in widths for n in (flat(part) if isinstance(part, tuple) else (part,))]


@pytest.mark.parametrize("experiment", REPORT, ids=lambda e: e.id)
def test_a_row_of_the_report_has_the_printed_widths_epochs_and_frames(experiment):
    printed = reported_settings()[experiment.id]
    training = experiment.training
    widths = training.hidden_layers if isinstance(training, AmpSettings) else experiment.widths
    if experiment.model == "graph_network":
        # Section 6 names message passing before the readout; Tables 4 and 5 the outermost first.
        assert sorted(numbers(printed["architecture"])) == sorted(flat(widths))
    else:
        assert numbers(printed["architecture"]) == flat(widths)
    if "epochs" in printed:
        assert training.epochs == int(printed["epochs"])
    if "frames" in printed:
        assert experiment.frames == sum(experiment.split) == int(printed["frames"])


def test_every_printed_row_is_a_row():
    assert {e.id for e in REPORT} == set(reported_settings()) == {key[0] for key in reported()}


@pytest.mark.parametrize("experiment", REPORT, ids=lambda e: e.id)
def test_a_row_of_the_report_has_the_assumed_settings(experiment):
    """ASSUMPTIONS.md, "training" and "behler": nothing else stands for the report's rows."""
    if experiment.task == "amp":
        own = AmpSettings(
            experiment.training.hidden_layers,
            forces=experiment.table == "table3",
            optimiser=experiment.training.optimiser,
            max_steps=experiment.training.max_steps,
        )
        assert experiment.training == own
        assert (own.energy_rmse, own.force_rmse, own.force_coefficient) == (0.001, 0.01, 0.04)
        assert experiment.dataset == ("au6" if experiment.table == "table1" else "pt8au2")
    else:
        assert asdict(experiment.training) | {"epochs": 0} == {
            "epochs": 0,
            "batch_size": 32,
            "learning_rate": 1e-3,
            "decay": "constant",
        }
        assert experiment.activation == "relu" and experiment.loss_weights is None
        assert experiment.dataset == "au6" and experiment.split == (2000, 500)
        # The only settings that the report names elsewhere: appendix B's, and centring.
        assert experiment.options in (
            {"preprocessing": "standardised", "form": "fast"},
            # Of six readings; test_readings.py has the rule that chose it.
            {**READINGS[CHOSEN][1], "copies": 1, "form": "fast"},
            {"centre": True},
        )
    assert experiment.partition == "time"


SAME = ("task", "data", "frames", "split", "partition", "widths", "loss_weights")


@pytest.mark.parametrize("name", [*LONGER, *PAST_CRITERION])
def test_rows_that_go_on_are_amps_but_for_where_they_stop(name):
    row, more = EXPERIMENTS[name], EXPERIMENTS[on(name)]
    assert all(getattr(row, field) == getattr(more, field) for field in (*SAME, "options"))
    changed = {
        field: value
        for field, value in asdict(more.training).items()
        if value != asdict(row.training)[field]
    }
    if name in LONGER:
        assert changed == {"max_steps": LONGER[name][0]}
        assert changed["max_steps"] > row.training.max_steps
    else:
        assert changed.pop("energy_rmse") < 1e-3 * row.training.energy_rmse
        assert changed.keys() <= {"max_steps"}
        assert more.training.max_steps >= row.training.max_steps
    assert set(more.seeds) <= set(row.seeds)


@pytest.mark.parametrize("name", [*AMP, *TWIN_OF.values()])
def test_rows_with_the_older_functions_differ_in_nothing_else(name):
    row, old = EXPERIMENTS[name], EXPERIMENTS[older(name)]
    assert all(getattr(row, field) == getattr(old, field) for field in (*SAME, "training"))
    assert old.options == {**row.options, "functions": "amp-0.6"} != row.options


def test_the_twins_are_trained_on_amps_loss():
    """Squared errors of E per atom, ten of them, and 0.04 times those of F."""
    for name in ("twin-250-5-5-forces", "twin-2500-10-10-10-forces", "why-hot-250"):
        energy, force = EXPERIMENTS[f"beyond/{name}"].loss_weights
        assert (energy, force) == (1 / 10**2, AmpSettings().force_coefficient)
    for name in ("twin-5-5", "twin-10-10-10", "twin-50-25-10-10", "why-2500-energy"):
        assert EXPERIMENTS[f"beyond/{name}"].loss_weights == (1.0, 0.0)


def test_gradient_rows_weigh_E_and_F_alike_and_are_smooth():
    for experiment in EXPERIMENTS.values():
        if experiment.task == "gradient":
            weights = {"eq2-energy-only": (1.0, 0.0), "eq2-force-only": (0.0, 1.0)}
            name = experiment.id.split("/")[1]
            assert experiment.loss_weights == weights.get(name, (1.0, 1.0))
            assert experiment.activation == "swish2"
            if isinstance(experiment.training, QuasiNewtonSettings):
                assert [stride for stride, _ in experiment.training.stages] == [4, 1]


def test_longer_rows_are_table_4s_but_for_the_training():
    for k in (2, 3, 4, 5):
        row, longer = EXPERIMENTS[f"table4/eq{k}"], EXPERIMENTS[f"beyond/eq{k}-longer"]
        assert longer.training == AdamSettings(1000, learning_rate=3e-3, decay="cosine")
        same = ("widths", "activation", "options", "split", "lanes", "loss_weights", "seeds")
        assert all(getattr(row, name) == getattr(longer, name) for name in same)


def test_each_equation_has_a_row_on_the_reports_full_tensors():
    for k in range(2, 10):
        literal = EXPERIMENTS[f"beyond/eq{k}-literal"]
        (row,) = (
            e
            for e in EXPERIMENTS.values()
            if (e.model, e.training) == (literal.model, literal.training)
            and e.table in (literal.table, "inputs")
            and e.options == {**literal.options, "form": "fast"}
        )
        same = ("widths", "activation", "split", "loss_weights", "data")
        assert all(getattr(row, name) == getattr(literal, name) for name in same)


def test_fewer_frames_and_rotated_copies_make_as_many_steps():
    for n in (250, 500, 1000):
        for model in ("eq2", "eq9"):
            experiment = EXPERIMENTS[f"beyond/{model}-frames-{n}"]
            assert experiment.split == (n, 500) and experiment.training.epochs * n == 2_000_000
    for model, epochs in (("eq6", 200), ("eq7", 200), ("eq8", 1200), ("eq9", 1000)):
        experiment = EXPERIMENTS[f"beyond/{model}-copies"]
        assert experiment.options["copies"] * experiment.training.epochs == epochs


@pytest.mark.parametrize("experiment", EXPERIMENTS.values(), ids=lambda e: e.id)
def test_rows_are_consistent(experiment):
    if experiment.models_of:
        assert set(experiment.seeds) <= set(EXPERIMENTS[experiment.models_of].seeds)
    if experiment.deterministic:
        assert experiment.seeds == (0,)
    if experiment in REPORT:
        # Amp takes too long for more of its rows on the slab (ASSUMPTIONS.md).
        assert len(experiment.seeds) >= (5 if experiment.dataset == "au6" else 1)
    assert experiment.settings() == experiment.settings()
    assert (ROOT / "ASSUMPTIONS.md").read_text().count(f"## {experiment.assumed[0]}\n") >= 1


def test_a_quick_run_takes_each_model_and_partition_and_what_it_needs():
    chosen = {e.id: e for e in EXPERIMENTS.values() if e.quick}
    for kind in (lambda e: (e.task, e.model), lambda e: (e.task, e.partition)):
        assert {kind(e) for e in chosen.values()} == {kind(e) for e in EXPERIMENTS.values()}
    assert len(chosen) < 50
    for experiment in chosen.values():
        assert experiment.models_of in ("", *chosen)
        assert experiment.at_quick_size().seeds == experiment.seeds[:1]


def test_every_row_has_one_script_and_one_table():
    run_by = [name for script in sorted(ROOT.glob("scripts/0*.py")) for name in sections_of(script)]
    assert sorted(run_by) == sorted(name for name, s in SECTIONS.items() if s.ROWS)
    ids = [row.id for section in SECTIONS.values() for row in section.ROWS]
    assert len(ids) == len(set(ids)) == len(EXPERIMENTS)
    shown = set(all_tables(Evidence.read(ROOT / "results", EXPERIMENTS)))
    assert {row.table for row in EXPERIMENTS.values()} <= shown


def test_every_row_carries_what_its_outcome_depends_on():
    """Any field but those for showing and choosing is in the settings, and nothing is a default."""
    row = EXPERIMENTS["table4/eq2"].settings()
    assert row == {
        "task": "energy",
        "model": "eq2",
        "widths": [[20, 50, 1], [1, 50, 20]],
        "activation": "relu",
        "options": {"preprocessing": "standardised", "form": "fast"},
        "training": {
            "epochs": 200,
            "batch_size": 32,
            "learning_rate": 0.001,
            "decay": "constant",
        },
        "loss_weights": "standardised",
        "models_of": "",
        "data": {
            "name": "au6",
            "structure": "au6-octahedron",
            "temperature_K": 300.0,
            "timestep_fs": 1.0,
            "steps": 125_000,
            "stride": 50,
            "seed": 0,
            "remove_rotation": False,
            "max_drift_eV": 0.01,
            "max_distance_A": 12.0,
            "max_displacement_A": None,
        },
        "frames": None,
        "split": [2000, 500],
        "partition": {"kind": "time"},
        "lanes": 5,
    }
