"""Build the Java peer and say how its programs are called."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Final

PROJECT: Final = Path(__file__).resolve().parent
CLASSES: Final = PROJECT / "target" / "classes"
JARS: Final = PROJECT / "target" / "libs"


class NoPeerError(RuntimeError):
    """The peer can't be built or run here; the message says why."""


def build() -> None:
    """Compile the project and fetch its jars, where a source is newer than what was built.

    Raises:
        NoPeerError: Without Maven or Java 17, or if the build fails.
    """
    for program, remedy in (
        ("mvn", "install Maven (Debian: maven)"),
        ("java", "install Java 17 (Debian: openjdk-17-jdk-headless)"),
    ):
        if shutil.which(program) is None:
            raise NoPeerError(f"{program} is not on this machine; {remedy}")
    stamp = PROJECT / "target" / "built"
    sources = [PROJECT / "pom.xml", *PROJECT.glob("src/**/*.java")]
    if stamp.exists() and stamp.stat().st_mtime >= max(source.stat().st_mtime for source in sources):
        return
    command = ["mvn", "-q", "-B", "-f", str(PROJECT / "pom.xml"), "package"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise NoPeerError(f"Maven could not build the Kafka Streams peer: {(done.stdout + done.stderr)[-2000:]}")
    stamp.touch()


def java(program: str, arguments: Sequence[str], *, options: Sequence[str] = ()) -> list[str]:
    """The command line of one of the peer's programs, for example `Main`."""
    classpath = f"{CLASSES}{os.pathsep}{JARS}{os.sep}*"
    return ["java", *options, "-cp", classpath, f"streamseg.peer.{program}", *arguments]
