"""What all tests may ask for."""

import os
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
SHARED = Path(os.environ.get("MAILMINE_SHARED", ROOT.parent / "shared"))

WANTED = {"corpus": SHARED / "corpus", "schema": SHARED / "schema"}
"""What a marker stands for: tests so marked need that folder, which is not part of the project."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip the tests whose outside material is missing."""
    for item in items:
        for marker, folder in WANTED.items():
            if item.get_closest_marker(marker) and not folder.is_dir():
                item.add_marker(pytest.mark.skip(reason=f"{folder} is missing"))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say loudly what could not be tested."""
    missing = [str(folder) for folder in WANTED.values() if not folder.is_dir()]
    if missing:
        terminalreporter.section("NOT TESTED", sep="!", red=True, bold=True)
        terminalreporter.line(
            f"Real mail or schemas were missing, and their tests skipped: {', '.join(missing)}"
        )


@pytest.fixture(scope="session")
def shared() -> Path:
    """Real emails (`corpus`), Microsoft's schema (`schema`): for tests only, never part of the project."""
    return SHARED
