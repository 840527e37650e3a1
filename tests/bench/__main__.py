"""`make bench`: every measurement that is kept with the code."""

from tests.bench.throughput import main

main()
