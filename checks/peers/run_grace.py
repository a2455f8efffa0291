"""Runner of GRACE: one small layer, with the settings of gracemaker's template."""

import copy

import peer
import yaml

RATE = 0.008
SETTINGS = {
    "seed": peer.SEED,
    "cutoff": peer.CUTOFF,
    "data": {"reference_energy": 0, "save_dataset": False},
    "potential": {
        "preset": "GRACE_1LAYER_v1_24",
        "kwargs": {"lmax": 3, "n_rad_max": 20, "max_order": 3, "n_mlp_dens": 10},
        "param_dtype": "float32",
        "scale": True,
        # A constant per atom, stored in the model; in the template it is commented out.
        "shift": True,
    },
    "fit": {
        "loss": {
            "energy": {"weight": 16, "type": "huber", "delta": 0.01},
            "forces": {"weight": 32, "type": "huber", "delta": 0.01},
        },
        "optimizer": "Adam",
        "opt_params": {
            "learning_rate": RATE,
            "use_ema": True,
            "ema_momentum": 0.99,
            "weight_decay": None,
            "clipnorm": 1.0,
        },
        "scheduler": "cosine_decay",
        "scheduler_params": {"minimum_learning_rate": RATE / 12},
        "batch_size": 32,
        "jit_compile": True,
        "train_max_n_buckets": "auto",
        "auto_bucket_max_padding": 0.3,
        "train_shuffle": True,
    },
}


def train(data, folder, epochs):
    """Train by gracemaker, without validation frames, with a schedule for the learning rate."""
    settings = copy.deepcopy(SETTINGS)
    settings["data"]["filename"] = str(data.folder / "train.extxyz")
    settings["fit"].update(maxiter=epochs, eval_init_stats=False, progressbar=False)
    (folder / "input.yaml").write_text(yaml.safe_dump(settings))
    peer.command(folder, "gracemaker", "input.yaml")


def calculator(folder):
    """ASE calculator for the trained model, in its standard mode."""
    from tensorpotential.calculator import TPCalculator

    (model,) = folder.glob("seed/*/final_model")
    return TPCalculator(str(model))


if __name__ == "__main__":
    peer.main(
        peer.Peer(
            package="tensorpotential",
            model="GRACE, 1 layer, small",
            beside=("tensorflow",),
            passes="epochs",
            settings=lambda _: SETTINGS,
            train=train,
            calculator=calculator,
        )
    )
