"""Trained networks at work, in compiled loops that hold no lock and know no torch: that is for learning alone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from streamseg.errors import ConfigError
from streamseg.model.serving.attention import ServedAttention
from streamseg.model.serving.encoder import Served
from streamseg.model.serving.gru import ServedGRU
from streamseg.model.serving.lstm import ServedLSTM
from streamseg.model.serving.rnn import ServedRNN

ENCODERS: Final[Mapping[str, type[Served]]] = {
    "lstm": ServedLSTM,
    "gru": ServedGRU,
    "rnn": ServedRNN,
    "attention": ServedAttention,
}
"""By the names that settings and artefacts have for them."""


def refuse_unknown(encoder: str) -> None:
    """Let the name of an encoder pass.

    Raises:
        ConfigError: If there is none of that name.
    """
    if encoder not in ENCODERS:
        raise ConfigError(f"encoder is {encoder!r}; expected one of {', '.join(ENCODERS)}")
