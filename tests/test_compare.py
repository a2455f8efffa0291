"""make compare: numbers that moved between versions are flagged, and no others."""

import shutil
import subprocess

import pytest

from reproduction import compare
from reproduction.errors import ReproductionError
from reproduction.show.evidence import Metrics
from reproduction.show.versions import compared

HEAD = "experiment,seed,split,metric,value,unit\n"
KEY = ("t/a", "test", "energy_rmse")


def table(*values, row="t/a", split="test", metric="energy_rmse") -> str:
    """Lines of a metrics.csv, a seed each."""
    return "".join(f"{row},{k},{split},{metric},{value},eV\n" for k, value in enumerate(values))


def one(old, new, metric="energy_rmse"):
    """The difference of one number in two versions."""
    texts = (HEAD + table(*values, metric=metric) for values in (old, new))
    (found,) = compared(*(Metrics.parse(text, "made up") for text in texts)).both
    return found


# (1, 2, 3) has the mean 2 and the deviation 1.
@pytest.mark.parametrize(
    ("old", "new", "pooled", "moved"),
    [
        # below and above two deviations, and as far below as above
        ((1, 2, 3), (2.9, 3.9, 4.9), 1.0, False),
        ((1, 2, 3), (3.1, 4.1, 5.1), 1.0, True),
        ((3.1, 4.1, 5.1), (1, 2, 3), 1.0, True),
        # pooled by degrees of freedom: sqrt((2 * 1 + 4 * 0.25) / 6)
        ((1, 2, 3), (5.5, 5.5, 6, 6.5, 6.5), 0.5**0.5, True),
        # one seed in one version: the other's deviation alone
        ((2,), (2.9, 3.9, 4.9), 1.0, False),
        ((2,), (3.1, 4.1, 5.1), 1.0, True),
        # no spread: 1 % of the larger one
        ((100,), (100.9,), 0.0, False),
        ((100,), (101.1,), 0.0, True),
        ((5, 5), (5.2, 5.2), 0.0, True),
        # the last digit of metrics.csv is no spread
        ((5, 5.000001), (5.04, 5.04), 0.0, False),
        ((0, 0), (0, 0), 0.0, False),
        ((0,), (1e-9,), 0.0, True),
        # of one sign, but no numbers
        (("nan",), (1,), 0.0, True),
        (("nan", 1), ("nan", 2), 0.0, False),
        (("inf",), ("-inf",), 0.0, True),
    ],
)
def test_two_deviations_over_seeds_are_flagged(old, new, pooled, moved):
    found = one(old, new)
    assert found.moved is moved
    if "nan" not in old:
        assert found.pooled == pytest.approx(pooled)


@pytest.mark.parametrize("metric", ["train_seconds", "ms_a_step", "old_seconds"])
def test_times_stand_apart_and_may_vary_by_half(metric):
    assert one((2, 2), (2.9, 2.9), metric).is_time
    assert not one((2, 2), (2.9, 2.9), metric).moved
    assert one((2, 2), (3.1, 3.1), metric).moved and one((3.1,), (2,), metric).moved
    # simulated, not measured
    assert not one((2, 2), (2.9, 2.9), "picoseconds").is_time


def made(*lines):
    return Metrics.parse(HEAD + "".join(lines), "made up")


def test_rows_and_numbers_that_came_or_went_are_listed():
    found = compared(
        made(table(1), table(1, metric="energy_mae"), table(1, row="t/old")),
        made(table(1), table(1, metric="energy_max"), table(1, row="t/new")),
    )
    assert [d.key for d in found.both] == [KEY]
    assert (found.came, found.went) == (("t/new",), ("t/old",))
    assert found.numbers_came == (("t/a", "test", "energy_max"),)
    assert found.numbers_went == (("t/a", "test", "energy_mae"),)


def test_the_largest_differences_come_first_by_row():
    old = [table(1, 2, 3, row=row, split=s) for row in ("t/a", "t/b") for s in ("train", "test")]
    new = [
        table(*values, row=row, split=split)
        for row, split, values in (
            ("t/a", "train", (11, 12, 13)),
            ("t/a", "test", (6, 7, 8)),
            ("t/b", "train", (5, 6, 7)),
            ("t/b", "test", (21, 22, 23)),
        )
    ]
    found = compared(made(*old), made(*new)).moved(times=False)
    assert [(d.key.experiment, d.key.split) for d in found] == [
        ("t/b", "test"),
        ("t/b", "train"),
        ("t/a", "train"),
        ("t/a", "test"),
    ]


@pytest.fixture
def checkout(tmp_path):
    """A repository with two versions of the numbers, of which the first has a tag."""
    if not shutil.which("git"):
        pytest.skip("git is not installed")

    def git(*arguments):
        author = ("-c", "user.name=a", "-c", "user.email=a@b.c")
        subprocess.run(["git", "-C", tmp_path, *author, *arguments], check=True, timeout=60)

    git("init", "--quiet")
    git("commit", "--quiet", "--allow-empty", "-m", "nothing")
    git("tag", "empty")
    path = tmp_path / compare.FILE
    path.parent.mkdir()
    path.write_text(HEAD + table(1, 2, 3) + table(7, metric="train_seconds") + table(1, row="t/o"))
    git("add", ".")
    git("commit", "--quiet", "-m", "old")
    git("tag", "v1")
    path.write_text(HEAD + table(4, 5, 6) + table(7, metric="train_seconds") + table(1, row="t/n"))
    return tmp_path


def test_the_command_writes_what_moved(checkout, capsys):
    page = checkout / "page.md"
    assert compare.main(["--folder", str(checkout), "--markdown", str(page), "--", "v1"]) == 0
    text = page.read_text()
    assert "| t/a | test | energy_rmse, eV | 3 | 2.0 ± 1.0 | 5.0 ± 1.0 | +3.0 sd | * |" in text
    assert "train_seconds" not in text and "- t/o\n" in text and "- t/n\n" in text
    assert "1 rows with 1 numbers are in both versions: 0 have the same mean, 1 are" in text
    assert "+3.0 sd" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("version", "why"),
    [
        ("", "which version? make compare OLD=<tag or commit>"),
        ("v2", "v2 is no tag or commit of this checkout"),
        ("--all", "--all is no tag or commit of this checkout"),
        ("v1:results", "v1:results is no tag or commit of this checkout"),
        ("empty", "empty has no results/metrics.csv"),
    ],
)
def test_what_is_no_version_is_refused_in_a_sentence(checkout, version, why):
    with pytest.raises(ReproductionError) as caught:
        compare.main(["--folder", str(checkout), "--", version])
    assert str(caught.value) == why


def test_outside_a_checkout_it_says_so(tmp_path, monkeypatch):
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    with pytest.raises(ReproductionError, match="is not a git checkout: fatal: not a git"):
        compare.main(["--folder", str(tmp_path), "v1"])
