"""The four ways in which streamseg fails, split by whose fault it is and by what the worker then does.

Every message names the thing, the value, the limit and the remedy; raise with ``from`` and never log what you raise.
"""

from __future__ import annotations


class StreamsegError(Exception):
    """Any failure that streamseg itself reports; the commands print its message as one line."""


class ConfigError(StreamsegError):
    """The operator's: a setting, a file or a topic is not as it must be. The program refuses to start (exit code 2)."""


class DecodeError(StreamsegError):
    """The publisher's: a record can't be read as a touchpoint. It goes to the dead letters and the worker goes on."""

    def __init__(self, message: str, *, reason: str) -> None:
        super().__init__(message)
        self.reason = reason
        """Short name of the rule that was broken, for example ``missing_field``; the label of the metric."""


class TransientError(StreamsegError):
    """The network's: the same call may succeed later. Retry with back-off, from the last committed state."""


class InvariantError(StreamsegError):
    """Ours: a promise of this program does not hold. Stop before anything is committed (exit code 1)."""
