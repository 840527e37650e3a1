"""OAUTHBEARER by a file that somebody else keeps fresh, as Kubernetes does with the tokens of service accounts.

A path arrives; the token of the moment leaves, read anew for every connection. It refuses to know an identity provider.
"""

from __future__ import annotations

import asyncio
from pathlib import Path

from aiokafka.abc import AbstractTokenProvider

from streamseg.errors import ConfigError


class TokenFile(AbstractTokenProvider):
    """Gives the brokers what the file says now."""

    def __init__(self, path: Path) -> None:
        self._path = path

    async def token(self) -> str:
        """The bearer token, without white space around it.

        Raises:
            ConfigError: If the file can't be read, or is empty.
        """
        try:
            token = (await asyncio.to_thread(self._path.read_text, encoding="utf-8")).strip()
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigError(f"token file {self._path} can't be read: {error}; see its permissions") from error
        if not token:
            raise ConfigError(f"token file {self._path} is empty; let your identity provider's agent write the token")
        return token
