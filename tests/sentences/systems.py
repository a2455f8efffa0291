"""What the page on other systems says of results."""

from reproduction.sections import beyond_elsewhere
from reproduction.sections.names import GRADIENT
from reproduction.show.claims import IN_PART, REPRODUCED
from reproduction.show.rules import Key
from sentences.results import E, F, Results

EQ2, TWO, THREE, ROUNDS2, ROUNDS3, MEAN = (
    f"beyond/au12-{name}"
    for name in ("eq2", "order-2", "order-3", "rounds-2", "rounds-3", "ensemble")
)
WIDER, BY_ADAM = "beyond/au12-eq2-wider", "beyond/au12-order-3-by-adam"
AMP, TWIN = "table3/2500-10-10-10", "beyond/twin-2500-10-10-10-forces"
EMT, MIX = "beyond/transfer-emt", "beyond/transfer-mix-linear"
OF_AU6 = ("beyond/au6-eq2", "beyond/au6-linear")
WHY = tuple(f"beyond/au6-eq2-{name}" for name in ("far", "longer", "far-longer"))
WAYS = ("beyond/pt8au2-outputs", "beyond/pt8au2-input")


def _between(low: float, x: float, high: float) -> bool:
    return low <= x <= high


def _eq2_is_emts(r: Results) -> bool:
    return _between(3.3, r.ratio(E(EQ2), E(THREE)), 3.7) and _between(
        2.0, r.ratio(F(EQ2), F(THREE)), 2.8
    )


def _rounds_are_worth_more(r: Results) -> bool:
    return all(
        _between(0.5, r.ratio(E(row), E(THREE)), 0.72)
        and _between(0.74, r.ratio(F(row), F(THREE)), 0.86)
        for row in (ROUNDS2, ROUNDS3)
    )


def _ace_is_worse(r: Results) -> bool:
    ace, one_round, three_rounds = beyond_elsewhere.measured("au12")
    crystal = [float(x["crystal_call_cpu_seconds"]) for x in (ace, one_round, three_rounds)]
    return (
        (ace["package"], one_round["passes"]) == ("ace-jax", "1 rounds")
        and float(ace["energy_rmse_meV"]) > 1000 * max(r.values(E(THREE)))
        and float(ace["force_rmse_meV_A"]) > 1000 * max(r.values(F(THREE)))
        and float(ace["train_cpu_seconds"]) > 1.2 * float(one_round["train_cpu_seconds"])
        and float(ace["call_cpu_seconds"]) > 1.2 * float(one_round["call_cpu_seconds"])
        and crystal[0] > 3 * max(crystal[1:])
    )


SYSTEMS = {
    "Eq. 2 is EMT's, not gold's: on real gold its error of E is three and a half times that of a "
    "sum over neighbours that sees angles and triplets of neighbours (order 3), its error of F "
    "more than twice.": _eq2_is_emts,
    "After a longer training, ACE's errors are larger than those of one round here, and a call "
    "takes longer: on a crystal, several times as long, even as three rounds.": _ace_is_worse,
    "Networks twice as wide, trained three times as long, change neither by more than a "
    "twentieth.": lambda r: all(
        _between(0.95, r.ratio(rmse(WIDER), rmse(EQ2)), 1.05) for rmse in (E, F)
    ),
    "Yet Eq. 2 does not fail.": lambda r: r.verdict(49) == REPRODUCED,
    "Adding triplets of neighbours (order 3) to pairs of them (order 2) lowers the error of F by "
    "about a twentieth, that of E not clearly.": lambda r: (
        _between(0.92, r.ratio(F(THREE), F(TWO)), 0.975)
        and r.lower(F(THREE), F(TWO))
        and not r.lower(E(THREE), E(TWO))
    ),
    "Solving the last layer exactly, once after Adam (variable projection), is no better: on the "
    "frames that choose, it gained no seed two per cent, so that Adam's weights were kept.": (
        lambda r: all(r.values(rmse(BY_ADAM)) == r.values(rmse(THREE)) for rmse in (E, F))
    ),
    'The report\'s "trick of coupling higher order terms into lower order terms", once more, is '
    "worth more.": (lambda r: r.ratio(E(ROUNDS2), E(THREE)) < r.ratio(E(THREE), E(TWO)) - 0.1),
    "With further rounds of sums (message passing), trained with weight decay, the error of E "
    "falls by a third, that of F by a fifth.": _rounds_are_worth_more,
    "Then the training errors are six to seven tenths of the test errors": lambda r: all(
        _between(1.42, r.gap(row, rmse), 1.68) for row in (ROUNDS2, ROUNDS3) for rmse in (E, F)
    ),
    "The mean of five models has a smaller error of F than any of them, and of E than they have on "
    "average.": lambda r: (
        r.mean(*F(MEAN)) < min(r.values(F(ROUNDS3))) and r.mean(*E(MEAN)) < r.mean(*E(ROUNDS3))
    ),
    "both errors are about a tenth of those of Behler's model on the same frames, trained by "
    "second order as the twin in Table 3, and less than a fiftieth of Amp's own, which a limit "
    "stopped.": lambda r: all(
        _between(6, r.ratio(rmse(TWIN), rmse(row)), 16) and r.ratio(rmse(AMP), rmse(row)) > 50
        for row in WAYS
        for rmse in (E, F)
    ),
    "cannot be told apart here.": lambda r: all(
        r.not_apart(rmse(WAYS[0]), rmse(WAYS[1])) for rmse in (E, F)
    ),
}
SYSTEMS |= {
    "the Eq. 2 that is bound to six atoms remains the best": lambda r: all(
        r.lower(rmse(GRADIENT), rmse(row)) for row in (*OF_AU6, *WHY) for rmse in (E, F)
    ),
    "with a cutoff beyond all distances, as many iterations or both, no error over neighbours "
    "falls by a third, and all stay at least three times as large.": lambda r: all(
        r.ratio(rmse(row), rmse(OF_AU6[0])) > 2 / 3 and r.ratio(rmse(row), rmse(GRADIENT)) > 3
        for row in WHY
        for rmse in (E, F)
    ),
    "Of the two models over neighbours, Eq. 4 in linear time has the smaller errors even here, so "
    "that claim 48 holds only in part.": lambda r: (
        all(r.lower(rmse(OF_AU6[1]), rmse(OF_AU6[0])) for rmse in (E, F))
        and r.verdict(48) == IN_PART
    ),
    "with second-order iterations after Adam, models of any number of atoms have errors of F "
    "below a thousandth of its root mean square.": lambda r: all(
        r.ratio(F(row), F("beyond/trivial-au6")) < 1e-3 for row in OF_AU6
    ),
    "vacancies and surfaces by models of Au6 alone differ between seeds by more than a third of "
    "EMT's.": lambda r: all(
        r.spread(Key(f"beyond/transfer-au6-{model}", "", name)).std > r.mean(EMT, "", name) / 3
        for model in ("eq2", "linear")
        for name in ("vacancy_energy", "surface_energy_111", "surface_energy_100")
    ),
    "Trained on a mix of small clusters and crystals, Eq. 4 in linear time predicts clusters that "
    "it has not seen, Au20 and Au55 to within a meV per atom, Au13 to about one meV, and the "
    "lattice constant, the vacancy energy and the surface energies to within two per cent of "
    "EMT's.": lambda r: (
        all(r.mean(MIX, "", f"{name}_energy_rmse") < 1e-3 for name in ("au20", "au55"))
        and 0.75e-3 < r.mean(MIX, "", "au13_energy_rmse") < 1.25e-3
        and all(
            abs(r.ratio(Key(MIX, "", name), Key(EMT, "", name)) - 1) < 0.02
            for name in (
                "lattice_constant",
                "vacancy_energy",
                "surface_energy_111",
                "surface_energy_100",
            )
        )
    ),
}
PAGES = {"docs/results/systems.md": SYSTEMS}
