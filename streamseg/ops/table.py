"""The metrics as a table in Markdown: `python -m streamseg.ops.table` prints what stands in docs/operations.md."""

from __future__ import annotations

from streamseg.ops.declared import DECLARED


def table() -> str:
    """One line a metric: name with its labels, unit, meaning, when to wake somebody."""
    lines = ["| metric | unit | meaning | wake somebody when |", "|---|---|---|---|"]
    for declared in DECLARED:
        labels = f"{{{','.join(declared.labels)}}}" if declared.labels else ""
        lines.append(f"| `{declared.name}{labels}` | {declared.unit} | {declared.help} | {declared.alert} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    print(table(), end="")
