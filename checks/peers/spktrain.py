"""SchNetPack's spktrain, beside a PyTorch that has since dropped two things that it asks for."""

import torch.utils.data.dataloader as loader
from torch.optim.lr_scheduler import ReduceLROnPlateau

loader.T_co = loader._T_co
_init = ReduceLROnPlateau.__init__


def _silent(self, *arguments, verbose=False, **named):
    """As before, when it could be told to print."""
    _init(self, *arguments, **named)


ReduceLROnPlateau.__init__ = _silent

if __name__ == "__main__":
    from schnetpack.cli import train

    train()
