"""`python -m streamseg` is `streamseg`."""

from streamseg.cli import main

raise SystemExit(main())
