"""Packages of npm, fetched by its own client when tests want them."""

import fcntl
import shutil
import subprocess
from pathlib import Path

import pytest


def packages(folder: Path, what: str) -> str:
    """Make sure that the packages of `folder` are there, and give Node; skips, saying that `what` is not tested."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if node is None or npm is None:
        pytest.skip(f"NOT TESTED with {what}: node and npm are not installed")
    with (folder / "package-lock.json").open(encoding="utf-8") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # another process of these tests may be at it
        if not (folder / "node_modules" / ".package-lock.json").is_file():  # npm's last word
            command = [npm, "ci", "--ignore-scripts"]
            done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
            if done.returncode != 0:
                pytest.skip(f"NOT TESTED with {what}: npm ci failed (no registry?)")
    return node
