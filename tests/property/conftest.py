"""How many streams are drawn: in CI always the same ones, elsewhere new ones in each run; and no deadline.

`HYPOTHESIS_PROFILE=search` draws a thousand for each property: minutes, worth it after a change of the core.
"""

from __future__ import annotations

import os

from hypothesis import HealthCheck, settings

settings.register_profile("here", max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("ci", settings.get_profile("here"), derandomize=True)
settings.register_profile("search", settings.get_profile("here"), max_examples=1_000)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci" if os.environ.get("CI") else "here"))
