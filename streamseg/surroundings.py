"""What a command finds around it: the settings, the brokers, the artefact that it was named.

Arrives: the environment, a path. Leaves: `Settings`, `KafkaAccess`, bytes. Packages are imported inside, as in the
commands that call this.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from streamseg.errors import ConfigError

if TYPE_CHECKING:
    from streamseg.kafka.client import KafkaAccess
    from streamseg.settings import Settings


def load_settings() -> Settings:
    """The settings of the environment.

    Raises:
        ConfigError: If one of them is not as it must be.
    """
    from streamseg.settings import load

    return load(os.environ)


def find_brokers() -> KafkaAccess:
    """Where the brokers of these settings are, and how we prove who we are."""
    from streamseg.compose import kafka_access

    return kafka_access(load_settings())


def read_artifact(path: Path) -> bytes:
    """The bytes of a model.

    Raises:
        ConfigError: If the file can't be read.
    """
    try:
        return path.read_bytes()
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror}; name an artefact of `streamseg train`") from error
