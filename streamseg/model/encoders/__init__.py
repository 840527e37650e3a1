"""Encoders by name: how a network remembers. One file each, all of one interface, chosen by a setting."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import numpy as np

from streamseg.model.encoders.attention import Attention
from streamseg.model.encoders.encoder import Encoder, uniform
from streamseg.model.encoders.gru import GRU
from streamseg.model.encoders.lstm import LSTM
from streamseg.model.encoders.rnn import RNN
from streamseg.model.serving import refuse_unknown

__all__ = ["ENCODERS", "Encoder", "make", "uniform"]

ENCODERS: Final[Mapping[str, type[LSTM | GRU | RNN | Attention]]] = {
    "lstm": LSTM,
    "gru": GRU,
    "rnn": RNN,
    "attention": Attention,
}


def make(name: str, *, features: int, hidden: int, random: np.random.Generator) -> Encoder:
    """An untrained encoder of F features and H units, its weights drawn from `random`.

    Raises:
        ConfigError: If there is none of that name.
    """
    refuse_unknown(name)
    return ENCODERS[name](features=features, hidden=hidden, random=random)
