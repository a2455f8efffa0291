"""Runner of ace-jax: linear ACE, fitted in closed form, with noise and prior by their evidence."""

import peer

ORDER, DEGREE = 4, 14


def settings(data):
    """Flags of the fit."""
    return {
        "order": ORDER,
        "max-degree": DEGREE,
        "rcut": peer.CUTOFFS[data.about["trajectory"]],
        "e0": "lsq",
        "opt": "lbfgs",
        "seed": peer.SEED,
    }


def train(data, folder, passes):
    """Construct the basis and fit by one command, without validation frames."""
    flags = [text for name, value in settings(data).items() for text in (f"--{name}", str(value))]
    # Its own cache would make a second run look faster.
    cache = ("--coupling-cache-dir", str(folder / "coupling"))
    files = ("--train", str(data.folder / "train.extxyz"), "--out", str(folder / "fit"))
    peer.command(folder, "aj", "fit", *flags, *cache, *files)


def calculator(folder):
    """ASE calculator for the trained model, in float64."""
    import jax

    jax.config.update("jax_enable_x64", True)
    from ace_jax import ACECalculator

    return ACECalculator(str(folder / "fit/model.npz"))


if __name__ == "__main__":
    peer.main(
        peer.Peer(
            package="ace-jax",
            model=f"ACE, linear, order {ORDER}, degree {DEGREE}",
            beside=("jax",),
            passes="",
            settings=settings,
            train=train,
            calculator=calculator,
        )
    )
