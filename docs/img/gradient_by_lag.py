"""Draw docs/img/gradient-by-lag.svg: how far back a gradient reaches through each encoder (see docs/model.md).

    streamseg datasets export online_retail --output shop.jsonl.gz
    python docs/img/gradient_by_lag.py shop.jsonl.gz 2011-09-01T00:00:00Z docs/img/gradient-by-lag.svg

Needs matplotlib (extra `backtest`) and a file with 39 weeks before the cut-off. About a minute on one thread.
"""

from __future__ import annotations

import sys
from pathlib import Path

import matplotlib as mpl
import numpy as np
import torch
from matplotlib import pyplot as plt
from torch import Tensor

from streamseg.core.spec import CoreSpec
from streamseg.datasets.past import read_past
from streamseg.model.encoders import ENCODERS
from streamseg.model.fit import fit
from streamseg.model.gradients import gradient_norm_by_lag
from streamseg.model.history import History, collect
from streamseg.model.network import Network
from streamseg.wire.times import parse_rfc3339
from streamseg.wire.touchpoint import DecodeLimits

WEEKS, CUSTOMERS, HIDDEN, HORIZON_DAYS, EPOCHS, SEED = 39, 256, 32, 90.0, 4, 0
GAINS = (1, 2, 4, 6)
"""By how much the recurrent weights of the plain network are multiplied."""


def old_customers(history: History, until_ms: int) -> Tensor:
    """(W, N, F) the last closed weeks of customers who came before them."""
    start = history.spec.windows.index_of(until_ms) - WEEKS
    who = np.flatnonzero(history.first_window <= start)[:CUSTOMERS]
    return torch.from_numpy(history.closed_features(who, np.full(len(who), start), WEEKS))


def untrained(encoder: str, scaled_like: Network, gain: int = 1) -> Network:
    """A network as it is before the first step of training."""
    network = Network(scaled_like.features, scaled_like.types, encoder=encoder, hidden=HIDDEN, seed=SEED)
    for name, buffer in scaled_like.named_buffers():
        network.get_buffer(name).copy_(buffer)
    if gain != 1:
        network.get_parameter("encoder.w_state").data.mul_(gain)
    return network


def main(path: Path, until_ms: int, output: Path) -> None:
    """Train all encoders, print the norms that docs/model.md cites, and draw them."""
    mpl.rcParams.update({"svg.hashsalt": "streamseg", "svg.fonttype": "none", "font.size": 9})
    past = read_past(path, limits=DecodeLimits(allowed_skew_ms=None), until_ms=until_ms)
    history = collect(past.batches, CoreSpec())
    x = old_customers(history, until_ms)
    figure, (left, right) = plt.subplots(1, 2, figsize=(9.0, 3.6), layout="constrained")
    for index, encoder in enumerate(ENCODERS):
        network = fit(
            history,
            until_ms=until_ms,
            horizon_days=HORIZON_DAYS,
            encoder=encoder,
            hidden=HIDDEN,
            epochs=EPOCHS,
            max_steps=1_000,
            seed=SEED,
            progress=lambda _: None,
        )
        for name, one, line in (("untrained", untrained(encoder, network), ":"), ("trained", network, "-")):
            norms = gradient_norm_by_lag(one, x)
            print(f"{encoder:9} {name:9}", *(f"{norms[lag] / norms[0]:.1e}" for lag in (1, 4, 8, 13, 25, 38)))
            left.plot(norms / norms[0], line, color=f"C{index}", label=encoder if line == "-" else None)
    for index, gain in enumerate(GAINS):
        one = untrained("rnn", network, gain)
        radius = float(torch.linalg.eigvals(one.get_parameter("encoder.w_state").detach()).abs().max())
        norms = gradient_norm_by_lag(one, x)
        print(f"rnn x {gain}, radius {radius:.2f}", *(f"{norms[lag]:.1e}" for lag in (0, 1, 4, 8, 13, 25, 38)))
        right.plot(norms, color=str(0.75 - 0.25 * index), label=f"{radius:.1f}")
    left.set(title="It shrinks, and gates slow that", ylabel="gradient norm / that of lag 0", ylim=(1e-8, 2.0))
    right.set(title="Or it grows: rnn, larger recurrent weights", ylabel="gradient norm")
    left.legend(title="solid: trained\ndotted: not")
    right.legend(title="spectral radius")
    for axes in (left, right):
        axes.set(yscale="log", xlabel="lag, weeks")
        axes.grid(alpha=0.3)
    figure.savefig(output, metadata={"Date": None})


if __name__ == "__main__":
    main(Path(sys.argv[1]), parse_rfc3339(sys.argv[2]), Path(sys.argv[3]))
