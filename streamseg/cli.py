"""The commands: what each takes, and which function does it. Argument parsing, nothing else.

Arrives: the command line and the environment. Leaves: an exit code (0 done, 1 failed, 2 wrong usage or configuration)
and, on failure, one line that says what to do. What a command does stands in `commands.py` and
`model_commands.py`.
"""

from __future__ import annotations

import argparse
import logging
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from streamseg import __version__, commands, model_commands
from streamseg.commands import FAILED, WRONG
from streamseg.errors import ConfigError, StreamsegError

_VERSION_HELP: Final = "as `streamseg models list` shows it"


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code."""
    # What packages say on the way must not drown our one line; the services set up a log of their own.
    logging.getLogger().addHandler(logging.NullHandler())
    arguments = _parser().parse_args(argv)
    run: Callable[[argparse.Namespace], int] = arguments.run
    try:
        return run(arguments)
    except ConfigError as error:
        return _say(error, WRONG)
    except StreamsegError as error:
        return _say(error, FAILED)
    except KeyboardInterrupt:
        return _say("interrupted", FAILED)
    except BrokenPipeError:
        # Who read our output has gone (`streamseg watch | head`): there is nobody left to tell.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILED
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        return _say(f"{where}{error.strerror or error}; check the path and its permissions", FAILED)
    except Exception as error:
        if not type(error).__module__.startswith(("aiokafka", "kafka")):
            raise  # a fault of ours: the traceback is what we need
        return _say(f"Kafka: {error!r}; check STREAMSEG_KAFKA_BOOTSTRAP_SERVERS and that the brokers answer", FAILED)


def _say(problem: object, code: int) -> int:
    print(f"streamseg: {' '.join(str(problem).split())}", file=sys.stderr)
    return code


# --- the command line -------------------------------------------------------------------------------------------------


class _Commands:
    """Adds commands with their help in one shape: what it does, how it is set, an example."""

    def __init__(self, parser: argparse.ArgumentParser) -> None:
        self._group = parser.add_subparsers(metavar="COMMAND", required=True, title="commands")

    def add(
        self, name: str, about: str, example: str, run: Callable[[argparse.Namespace], int] | None = None
    ) -> argparse.ArgumentParser:
        parser = self._group.add_parser(
            name,
            help=about,
            description=f"{about[0].upper()}{about[1:]}.",
            epilog=f"example:\n  {example}",
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        if run is not None:
            parser.set_defaults(run=run)
        return parser


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="streamseg",
        description="Customer touchpoints in, segment changes and churn alerts out, exactly once, over Kafka.",
        epilog="Settings come from STREAMSEG_* variables and a TOML file (STREAMSEG_CONFIG);\n"
        "`streamseg settings` lists them. Exit codes: 0 done, 1 failed, 2 wrong usage or configuration.\n"
        "Start with: streamseg demo",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"streamseg {__version__}")
    top = _Commands(parser)
    _add_demo(top)
    _add_offline(top)
    _add_services(top)
    _add_topics(top)
    _add_models(top)
    _add_publishing(top)
    top.add(
        "settings", "show the effective settings, as TOML", "streamseg settings > streamseg.toml", commands.settings
    )
    return parser


def _add_demo(top: _Commands) -> None:
    demo = top.add(
        "demo",
        "stream a year of a real shop through Kafka and the model, with nothing to set up",
        "streamseg demo --json summary.json",
        commands.demo,
    )
    demo.add_argument(
        "--dataset", choices=("online_retail", "journey"), default="online_retail", help="default: %(default)s"
    )
    demo.add_argument("--json", type=Path, metavar="FILE", help="write the summary there, too, as flat JSON numbers")
    demo.add_argument("--plain", action="store_true", help="lines instead of a live table (so without a terminal)")
    demo.add_argument(
        "--seconds", type=_rate, default=60.0, metavar="S", help="length of the stream, at least (default: %(default)g)"
    )


def _add_offline(top: _Commands) -> None:
    train = top.add(
        "train",
        "train a model from a touchpoint file",
        "streamseg train --input shop.jsonl.gz --until 2011-09-01 --output model.safetensors",
        commands.train,
    )
    _add_input(train)
    train.add_argument("--until", type=_time, metavar="TIME", help="leave out touchpoints from this time on (RFC 3339)")
    train.add_argument("--output", type=Path, required=True, metavar="MODEL", help="the artefact: one file")
    _add_backtest(top)
    replay = top.add(
        "replay",
        "run the worker's pipeline over a file, without Kafka: same input and model, same outputs",
        "streamseg replay --input shop.jsonl.gz --model model.safetensors --output decisions.jsonl",
        commands.replay,
    )
    _add_input(replay)
    replay.add_argument("--model", type=Path, required=True, metavar="MODEL", help="an artefact of `streamseg train`")
    replay.add_argument("--output", type=Path, required=True, metavar="FILE", help="JSON lines with topic, key, value")
    replay.add_argument(
        "--partitions",
        type=_count,
        default=1,
        metavar="N",
        help="split the keys as Kafka's default partitioner does, a clock each (default: %(default)s)",
    )


def _add_backtest(top: _Commands) -> None:
    backtest = top.add(
        "backtest",
        "measure forecasts at a time in the past beside what came, and beside classical models",
        "streamseg backtest --input shop.jsonl.gz --cutoff 2011-09-01 --horizon-days 100 --plot pictures",
        commands.backtest,
    )
    _add_input(backtest)
    backtest.add_argument(
        "--cutoff", type=_time, required=True, metavar="TIME", help="models see what lies before it (RFC 3339)"
    )
    backtest.add_argument(
        "--horizon-days", type=_count, required=True, metavar="N", help="forecast and measured: so many days from there"
    )
    backtest.add_argument(
        "--encoder",
        choices=("lstm", "gru", "rnn", "attention", "all"),
        default="lstm",
        help="the network, or all of them in turn (default: %(default)s)",
    )
    backtest.add_argument(
        "--seeds", type=_count, default=1, metavar="K", help="networks of each encoder (default: %(default)s)"
    )
    backtest.add_argument("--json", type=Path, metavar="FILE", help="write the figures there, too")
    backtest.add_argument("--plot", type=Path, metavar="DIR", help="draw calibration, tracking and lift there, as SVG")


def _add_services(top: _Commands) -> None:
    top.add(
        "worker",
        "serve: touchpoints in, decisions out; stops within 10 s on SIGTERM",
        "STREAMSEG_KAFKA_BOOTSTRAP_SERVERS=kafka:9092 STREAMSEG_INSTANCE_ID=worker-1 streamseg worker",
        commands.worker,
    )
    top.add(
        "retrain",
        "serve: notice drift, train, publish what beats the current model, roll back what turns out worse",
        "STREAMSEG_RETRAIN_DIRECTORY=/var/lib/streamseg streamseg retrain",
        commands.retrain,
    )
    broker = top.add(
        "broker",
        "run a small Kafka in this process, for trials; forgets everything when it ends",
        "streamseg broker    # prints host:port; then STREAMSEG_KAFKA_BOOTSTRAP_SERVERS=host:port streamseg worker",
        commands.broker,
    )
    broker.add_argument("--brokers", type=_count, default=1, metavar="N", help="1 to 16 (default: %(default)s)")


def _add_topics(top: _Commands) -> None:
    topics = _Commands(top.add("topics", "make or check the topics", "streamseg topics create"))
    create = topics.add(
        "create", "make the topics that are missing", "streamseg topics create --partitions 12", commands.create
    )
    create.add_argument("--partitions", type=_count, metavar="N", help="of topics keyed by customer (default: 4)")
    create.add_argument("--replication", type=_count, metavar="N", help="copies (default: 3, or one a broker)")
    check = topics.add("check", "compare the topics with what they must be", "streamseg topics check", commands.check)
    check.add_argument("--partitions", type=_count, metavar="N", help="as given to `create`")


def _add_models(top: _Commands) -> None:
    models = _Commands(top.add("models", "list, judge and choose models", "streamseg models list"))
    models.add("list", "show the models in the registry", "streamseg models list", model_commands.list_models)
    show = models.add(
        "show",
        "show a model's card and every decision about it",
        "streamseg models show 3f9c2a71b0de",
        model_commands.show,
    )
    show.add_argument("version", metavar="VERSION", help=_VERSION_HELP)
    show.add_argument("--json", action="store_true", help="the whole manifest instead")
    compare = models.add(
        "compare",
        "show the figures of two models side by side",
        "streamseg models compare 3f9c2a71b0de 8d01c6e5f2aa --input shop.jsonl.gz",
        model_commands.compare,
    )
    compare.add_argument("one", metavar="VERSION", help=_VERSION_HELP)
    compare.add_argument("other", metavar="OTHER", help="likewise")
    compare.add_argument(
        "--input", type=Path, metavar="FILE", help="judge both on the outcomes in there that neither has seen"
    )
    publish = models.add(
        "publish",
        "put a model into the registry and make it current",
        "streamseg models publish model.safetensors",
        model_commands.publish,
    )
    publish.add_argument("file", type=Path, metavar="FILE", help="an artefact of `streamseg train`")
    publish.add_argument("--keep-current", action="store_true", help="only store it; workers go on with their model")
    promote = models.add(
        "promote", "make a stored model current", "streamseg models promote 3f9c2a71b0de", model_commands.promote
    )
    promote.add_argument("version", metavar="VERSION", help=_VERSION_HELP)
    rollback = models.add(
        "rollback",
        "make the model before the current one current",
        "streamseg models rollback",
        model_commands.rollback,
    )
    for parser in (publish, promote, rollback):
        parser.add_argument("--reason", default="by hand", help="stands on the topic (default: %(default)s)")


def _add_publishing(top: _Commands) -> None:
    produce = top.add(
        "produce",
        "put a touchpoint file onto the topic",
        "streamseg produce --input shop.jsonl.gz --rate 5000",
        commands.produce,
    )
    _add_input(produce)
    produce.add_argument(
        "--rate", type=_rate, metavar="EVENTS_PER_S", help="touchpoints a second (default: full speed)"
    )
    top.add("watch", "follow what leaves, readable; end with Ctrl-C", "streamseg watch", commands.watch).add_argument(
        "--from-start", action="store_true", help="begin with the oldest output instead of the next one"
    )
    datasets = _Commands(top.add("datasets", "real data as touchpoint files", "streamseg datasets list"))
    datasets.add("list", "show the datasets", "streamseg datasets list", commands.list_datasets)
    export = datasets.add(
        "export",
        "write a dataset to a touchpoint file",
        "streamseg datasets export online_retail --output shop.jsonl.gz",
        commands.export,
    )
    export.add_argument("name", metavar="NAME", help="as `streamseg datasets list` shows it")
    export.add_argument("--output", type=Path, required=True, metavar="FILE", help=".jsonl, or .jsonl.gz to compress")


def _add_input(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--input", type=Path, required=True, metavar="FILE", help="touchpoints, .jsonl or .jsonl.gz")


def _count(text: str) -> int:
    if not text.isascii() or not text.isdigit() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r}: expected a whole number above 0")
    return int(text)


def _rate(text: str) -> float:
    try:
        rate = float(text)
    except ValueError:
        rate = 0.0
    if not 0 < rate < float("inf"):
        raise argparse.ArgumentTypeError(f"{text!r}: expected a number above 0, for example 5000")
    return rate


def _time(text: str) -> int:
    from streamseg.wire.times import parse_rfc3339

    try:
        return parse_rfc3339(f"{text}T00:00:00Z" if len(text) == 10 else text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(
            f"{text!r}: expected a date or a time with its offset, for example 2011-09-01 or 2011-09-01T00:00:00Z"
        ) from error
