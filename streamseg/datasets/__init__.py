"""Real data and the simulator, told as touchpoints: what the demo, training, load tests and replays read.

Every source gives the same thing, JSON lines in time order; `catalogue` knows them by name and writes them to files,
and `jsonl` turns such lines, from any file, into records as they would stand on the topic.
"""
