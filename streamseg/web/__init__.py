"""The worker's HTTP: three pages on one port, for scrapers and supervisors."""

from streamseg.web.pages import mount

__all__ = ["mount"]
