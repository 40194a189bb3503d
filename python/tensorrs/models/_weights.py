"""What all models say to a request for trained weights."""

from __future__ import annotations


def refuse(weights: object) -> None:
    """Raise ValueError unless `weights` is None: the package downloads nothing."""
    if weights is not None:
        raise ValueError(
            "there are no weights to download: build the model with weights=None and give it a state from a file, "
            "model.load_state_dict(tensorrs.load(path))"
        )
