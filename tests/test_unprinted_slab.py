"""Starts of the slab and choices of frames: the rows, and the tables that are made of them."""

from dataclasses import replace

import numpy as np
import pytest

from reproduction.sections import EXPERIMENTS
from reproduction.sections import unprinted_slab as own
from reproduction.sections.s3_behler import LINES2, LINES3
from reproduction.show.evidence import Evidence, Metrics, Value
from reproduction.show.metrics import NOT_RUN
from reproduction.show.outliers import Worst
from reproduction.show.reported import reported, reported_settings

EMPTY = Evidence(Metrics([]), EXPERIMENTS)
ROWS = [row for row in own.ROWS if row.training]


@pytest.mark.parametrize("line", own.LINES, ids=lambda line: line.name)
def test_lines_are_the_reports(line):
    settings = reported_settings()[line.printed]
    assert int(settings["frames"]) == line.frames
    assert settings["architecture"] == str(line.layers).replace(" ", "")
    metrics = {m for row, _, m in reported() if row == line.printed}
    assert metrics == set(line.metrics)


def test_every_start_and_choice_has_each_line_once():
    assert len(own.SHOWN) == len(set(own.SHOWN))
    assert {height for height, choice in own.SHOWN if choice == "time"} == set(own.STARTS)
    ids = [own.row_of(*shown, line) for shown in own.SHOWN for line in own.LINES]
    assert len(ids) == len(set(ids)) and set(ids) <= set(EXPERIMENTS)
    assert {row.id for row in ROWS} | set(own.ELSEWHERE.values()) == set(ids)
    for height, choice in own.SHOWN:
        for line in own.LINES:
            row = EXPERIMENTS[own.row_of(height, choice, line)]
            assert (row.data, row.partition) == (own.STARTS[height], choice)
            assert (sum(row.split), row.widths) == (line.frames, line.layers)
            assert row.loss_weights == line.weights
            # The whole trajectory for strides; else as many of the first as there are.
            assert row.frames == (None if choice == "strides" else line.frames)
            assert EMPTY.baselines(row)


def test_labels_are_of_one_row_each():
    labels = [row.label for row in own.ROWS]
    assert len(labels) == len(set(labels))


@pytest.mark.parametrize(("text", "n"), [("0.42", 50), ("14.3", 500), ("0.028", 5000)])
def test_what_one_frame_needs_to_be_off_by(text, n):
    """An error in one of n frames, none in the others: the RMSE is rounded to what is printed."""
    low, high = own.needed(text, n)
    for off in np.linspace(low, high, 7)[1:-1]:
        errors = np.zeros(n)
        errors[3] = off
        rmse = np.sqrt((errors**2).mean())
        assert f"{rmse:.{len(text.split('.')[1])}f}" == text
    assert low < float(text) * n**0.5 < high


def test_the_arithmetic_is_of_the_reports_numbers():
    table = own.one_frame(EMPTY)
    assert [row[1] for row in table.rows] == ["50", "500", "500", "5,000", "50", "500"]
    printed = [reported()[row, "test", "energy_rmse"] for row in LINES2 + LINES3]
    assert [row[2] for row in table.rows] == printed
    assert [bool(row[4]) for row in table.rows] == [False] * 4 + [True] * 2
    # The two overfitted pairs of lines that the issue speaks of: their ranges overlap.
    for rows, metric in (((LINES2[0], LINES2[2]), "energy_rmse"), (LINES3, "force_rmse")):
        few, many = (reported()[row, "test", metric] for row in rows)
        (low, high), (other_low, other_high) = own.needed(few, 50), own.needed(many, 500)
        assert low < other_high and other_low < high


def test_a_worst_frame_has_a_part_of_the_sum_of_squares():
    """By hand: errors 1, 1, 1 and 3 have a sum of squares of 12, 9 of them in one frame."""
    one = Worst(0, 3.0**0.5, 1.0, 3.0, 7, 4)
    assert (one.off, one.share) == (pytest.approx(3.0), pytest.approx(0.75))
    assert Worst(0, 0.0, 0.0, 0.0, 0, 4).share == 0.0
    assert own._worst_cell([one]) == "75 % (frame 7: 3.0)"
    other = replace(one, seed=1, rest=one.rmse, frame=None)
    assert own._worst_cell([other, one]) == "50 % (1.7)"
    assert own._worst_cell([]) == NOT_RUN


def test_tables_show_both_parts_of_the_start_that_was_run():
    line = own.LINES[0]
    row = own.row_of(0.9, "test first", line)
    values = (("train", "rmse", 0.1), ("test", "rmse", 0.5), ("test", "max", 3.0))
    made = Evidence(
        Metrics([Value(row, 0, part, f"energy_{name}", value) for part, name, value in values]),
        EXPERIMENTS,
    )
    table = own.starts(made)
    head, *rows = table.rows
    assert head[1] == "0.0001 / 0.42" and len(rows) == 2 * len(own.SHOWN)
    (shown,) = [cells for cells in rows if cells[1] == "0.10 / 0.50"]
    assert shown[0] == "Au at 0.9 Å, frame 0 tested"
    # Of a sum of squares of 50 x 0.25 eV^2 one frame has 9.
    assert [cells[1] for cells in own.worst_frames(made).rows if "%" in cells[1]][1:] == [
        "72 % (3.0)"
    ]
