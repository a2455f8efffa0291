"""Runner of DeePMD-kit: se_e2_a in TensorFlow, with the settings of its example for water."""

import json

import numpy as np
import peer

SETTINGS = {
    "model": {
        "type_map": ["Au"],
        "descriptor": {
            "type": "se_e2_a",
            "sel": [5],
            "rcut_smth": 0.5,
            "rcut": peer.CUTOFF,
            "neuron": [25, 50, 100],
            "resnet_dt": False,
            "axis_neuron": 16,
            "seed": peer.SEED,
        },
        "fitting_net": {"neuron": [240, 240, 240], "resnet_dt": True, "seed": peer.SEED},
    },
    "learning_rate": {"type": "exp", "start_lr": 1e-3, "stop_lr": 3.51e-8},
    "loss": {
        "type": "ener",
        "start_pref_e": 0.02,
        "limit_pref_e": 1,
        "start_pref_f": 1000,
        "limit_pref_f": 1,
        "start_pref_v": 0,
        "limit_pref_v": 0,
    },
    "training": {"training_data": {"batch_size": "auto"}, "seed": peer.SEED},
}
# The example's learning rate falls once in 5,000 of a million steps.
FALLS = 200


def write_system(folder, frames):
    """Write frames in DeePMD-kit's format, without periodic images."""
    part = folder / "set.000"
    part.mkdir(parents=True)
    (folder / "type.raw").write_text("0\n" * len(frames[0]))
    (folder / "type_map.raw").write_text("Au\n")
    (folder / "nopbc").touch()
    np.save(part / "coord.npy", [f.positions.ravel() for f in frames])
    np.save(part / "energy.npy", [f.get_potential_energy() for f in frames])
    np.save(part / "force.npy", [f.get_forces().ravel() for f in frames])


def train(data, folder, steps):
    """Train by dp train and dp freeze, without validation frames."""
    write_system(folder / "frames", data.frames("train"))
    settings = json.loads(json.dumps(SETTINGS))
    settings["learning_rate"]["decay_steps"] = max(1, steps // FALLS)
    settings["training"].update(numb_steps=steps, disp_freq=min(500, steps), save_freq=steps)
    settings["training"]["training_data"]["systems"] = [str(folder / "frames")]
    (folder / "input.json").write_text(json.dumps(settings))
    peer.command(folder, "dp", "--tf", "train", "input.json")
    peer.command(folder, "dp", "--tf", "freeze", "-o", "frozen.pb")


def calculator(folder):
    """ASE calculator for the frozen model."""
    from deepmd.calculator import DP

    return DP(str(folder / "frozen.pb"))


if __name__ == "__main__":
    peer.main(
        peer.Peer(
            package="deepmd-kit",
            model="DeePMD se_e2_a, 25-50-100, 240-240-240",
            beside=("tensorflow-cpu",),
            passes="steps",
            settings=lambda _: {**SETTINGS, "decay_steps": f"1 in {FALLS} of the steps"},
            train=train,
            calculator=calculator,
        )
    )
