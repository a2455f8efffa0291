"""Runner of MACE, with the settings of its README except for the widths."""

import ase.io
import peer

SETTINGS = {
    "hidden_irreps": "32x0e",
    "r_max": peer.CUTOFF,
    "num_interactions": 2,
    "correlation": 3,
    "E0s": "average",
    "batch_size": 10,
    "lr": 0.01,
    "energy_weight": 1,
    "forces_weight": 100,
    "ema_decay": 0.99,
    "default_dtype": "float64",
    "seed": peer.SEED,
}
FLAGS = ("swa", "ema", "amsgrad")
# Start of the README's second stage, with a larger weight of energies: 1,200 of 1,500 epochs.
SECOND_STAGE = 0.8


def train(data, folder, epochs):
    """Train by mace_run_train, which validates after each epoch and finally tests all frames."""
    for name, frames in zip(("fitted", "validation"), data.fitted_and_validation(), strict=True):
        for frame in frames:
            frame.info["REF_energy"] = frame.get_potential_energy()
            frame.arrays["REF_forces"] = frame.get_forces()
            frame.calc = None
        ase.io.write(folder / f"{name}.xyz", frames, format="extxyz")
    peer.command(
        folder,
        "mace_run_train",
        "--name=au6",
        "--train_file=fitted.xyz",
        "--valid_file=validation.xyz",
        "--plot=False",
        "--device=cpu",
        f"--max_num_epochs={epochs}",
        f"--start_swa={round(SECOND_STAGE * epochs)}",
        *(f"--{name}={value}" for name, value in SETTINGS.items()),
        *(f"--{name}" for name in FLAGS),
    )


def calculator(folder):
    """ASE calculator for the model of the second stage."""
    from mace.calculators import MACECalculator

    dtype = SETTINGS["default_dtype"]
    return MACECalculator(
        model_paths=str(folder / "au6_stagetwo.model"), device="cpu", default_dtype=dtype
    )


if __name__ == "__main__":
    peer.main(
        peer.Peer(
            package="mace-torch",
            model=f"MACE, {SETTINGS['hidden_irreps']}, {SETTINGS['num_interactions']} interactions",
            beside=("torch", "e3nn"),
            passes="epochs",
            settings=lambda _: {
                **SETTINGS,
                **dict.fromkeys(FLAGS, True),
                "start_swa": f"{SECOND_STAGE} of the epochs",
                **peer.VALIDATION,
            },
            train=train,
            calculator=calculator,
        )
    )
