"""Runner of SchNetPack: PaiNN, with the settings of its experiment md17 except for the widths."""

import os

import numpy as np
import peer
import spktrain

# The files that it reads back are its own; PyTorch now asks for a word before it opens them.
os.environ["TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD"] = "1"

SETTINGS = {
    "experiment": "md17",
    "globals.cutoff": peer.CUTOFF,
    "globals.lr": 1e-3,
    "model.representation.n_atom_basis": 64,
    "model.representation.n_interactions": 3,
    "model.representation.radial_basis.n_rbf": 20,
    "data.batch_size": 10,
    "task.outputs.0.loss_weight": 0.01,
    "task.outputs.1.loss_weight": 0.99,
    "callbacks.ema.decay": 0.995,
    "+seed": peer.SEED,
}


def train(data, folder, epochs):
    """Train by spktrain, which stores the model with the lowest validation loss."""
    from schnetpack.data import ASEAtomsData

    units = {"energy": "eV", "forces": "eV/Ang"}
    fitted, validation = data.fitted_and_validation()
    dataset = ASEAtomsData.create(
        str(folder / "au6.db"), distance_unit="Ang", property_unit_dict=units
    )
    frames = fitted + validation
    labels = [
        {"energy": np.array([f.get_potential_energy()]), "forces": f.get_forces()} for f in frames
    ]
    dataset.add_systems(property_list=labels, atoms_list=frames)
    # It ends with a test, for which it gets the validation frames again.
    first, last = np.arange(len(fitted)), np.arange(len(fitted), len(frames))
    np.savez(folder / "split.npz", train_idx=first, val_idx=last, test_idx=last)
    peer.command(
        folder,
        "python",
        spktrain.__file__,
        *(f"{name}={value}" for name, value in SETTINGS.items()),
        "data=custom",
        f"data.datapath={folder}/au6.db",
        f"+data.split_file={folder}/split.npz",
        f"data.num_train={len(first)}",
        f"data.num_val={len(last)}",
        "data.num_workers=0",
        "data.property_units.energy=eV",
        "data.property_units.forces=eV/Ang",
        "run.experiment=au6",
        "run.id=run",
        "logger=csv",
        "trainer.accelerator=cpu",
        f"trainer.max_epochs={epochs}",
    )


def calculator(folder):
    """ASE calculator for the trained model, in float32."""
    from schnetpack.interfaces import SpkCalculator
    from schnetpack.transform import MatScipyNeighborList

    return SpkCalculator(
        model_file=str(folder / "runs/run/best_model"),
        neighbor_list=MatScipyNeighborList(cutoff=peer.CUTOFF),
        energy_unit="eV",
        position_unit="Ang",
    )


if __name__ == "__main__":
    width, interactions = (
        SETTINGS[f"model.representation.{name}"] for name in ("n_atom_basis", "n_interactions")
    )
    peer.main(
        peer.Peer(
            package="schnetpack",
            model=f"PaiNN, {width} features, {interactions} interactions",
            beside=("torch",),
            passes="epochs",
            settings=lambda _: {**SETTINGS, **peer.VALIDATION},
            train=train,
            calculator=calculator,
        )
    )
