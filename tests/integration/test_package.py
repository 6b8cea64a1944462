"""What is handed out holds everything: installed where nothing of the checkout is, it works."""

import signal
import subprocess
import sys
import tarfile
import venv
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.conftest import ROOT
from tests.integration.cli.test_commands import DEADLINE, MAIL, environment, free_port, until


def run(*command: str | Path, folder: Path) -> str:
    """Run a command that must end well; what it printed."""
    done = subprocess.run(
        [str(word) for word in command],
        capture_output=True,
        text=True,
        cwd=folder,
        env=clean(),
        timeout=DEADLINE,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def clean() -> dict[str, str]:
    """Leave out what would lead to the checkout."""
    return {name: value for name, value in environment().items() if name != "PYTHONPATH"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("package")


@pytest.fixture(scope="module")
def sdist(folder: Path) -> Path:
    """Make the sdist, of what is in the checkout."""
    run(sys.executable, "-m", "hatchling", "build", "-t", "sdist", "-d", folder, folder=ROOT)
    (made,) = folder.glob("*.tar.gz")
    return made


@pytest.fixture(scope="module")
def installed(folder: Path, sdist: Path) -> Path:
    """Make the wheel out of the sdist alone, and install it; the folder of its commands.

    What it depends on is taken from where the tests have it: what is looked at here is what we hand out.
    """
    with tarfile.open(sdist) as archive:
        archive.extractall(folder / "unpacked", filter="data")
    (unpacked,) = (folder / "unpacked").iterdir()
    run(sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", folder, folder=unpacked)
    (wheel,) = folder.glob("*.whl")
    place = folder / "environment"
    venv.create(place, with_pip=False)
    # pip of the tests' own environment, so that nothing is fetched for a new one.
    run(
        sys.executable, "-m", "pip", f"--python={place / 'bin' / 'python'}",
        "install", "--no-deps", "--no-index", "--quiet", wheel,
        folder=folder,
    )  # fmt: skip
    (packages,) = (place / "lib").glob("python3*/site-packages")
    of_tests = {str(Path(path)) for path in sys.path if path.endswith("site-packages")}
    # Behind our own folder, without the file that leads from theirs to the checkout: that one is an editable install.
    (packages / "of_tests.pth").write_text("\n".join(sorted(of_tests)), encoding="utf-8")
    return place / "bin"


def test_the_sdist_holds_no_more_than_the_checkout(sdist: Path) -> None:
    with tarfile.open(sdist) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    assert {"pyproject.toml", "LICENSE", "constraints.txt", "docs/reasons.md"} <= names
    assert all((ROOT / name).exists() for name in names - {"PKG-INFO"})


def test_every_file_of_the_package_is_installed(installed: Path) -> None:
    python = installed / "python"
    found = run(python, "-c", "import mailmine; print(mailmine.__file__)", folder=installed)
    place = Path(found.strip()).parent
    assert place.is_relative_to(installed.parent)
    for package in ("mailmine", "exchange_simulator"):
        source = ROOT / "src" / package
        wanted = {
            path.relative_to(source)
            for path in source.rglob("*")
            if path.is_file() and "__pycache__" not in path.parts
        }
        have = {
            path.relative_to(place.parent / package) for path in (place.parent / package).rglob("*")
        }
        assert wanted <= have
    assert (place / "web" / "docs" / "reasons.md").read_text(encoding="utf-8") == (
        ROOT / "docs" / "reasons.md"
    ).read_text(encoding="utf-8")


def test_an_email_is_refined(installed: Path, tmp_path: Path) -> None:
    """By the labels of all languages, which are files of the package."""
    (tmp_path / "one.eml").write_bytes(MAIL)
    assert "mailmine 0" in run(installed / "mailmine", "--version", folder=tmp_path)
    assert "demo" in run(installed / "mailmine", "--help", folder=tmp_path)
    assert "waiting" in run(installed / "mailmine", "refine", "one.eml", folder=tmp_path)


@pytest.fixture
def address(installed: Path, tmp_path: Path) -> Iterator[str]:
    """Serve what is installed, on a new database."""
    port = free_port()
    output = tmp_path / "output"
    with output.open("w") as file:
        process = subprocess.Popen(
            [installed / "mailmine", "serve", "--port", str(port)],
            stdout=file,
            stderr=subprocess.STDOUT,
            cwd=tmp_path,
            env=clean(),
        )
    try:
        until(lambda: "mailmine is at" in output.read_text() or process.poll() is not None)
        assert process.poll() is None, output.read_text()
        yield f"http://127.0.0.1:{port}"
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(DEADLINE)
    assert process.returncode == 0, output.read_text()


def test_it_serves(address: str) -> None:
    """The schema by its migrations, a page by its template, and the page's styles."""
    with httpx.Client(base_url=address, follow_redirects=True, timeout=DEADLINE) as client:
        assert client.get("/readyz").status_code == 200
        assert client.get("/healthz").status_code == 200
        page = client.get("/")
        assert "Sign in" in page.text
        (style, *_) = [
            word.split('"')[1]
            for word in page.text.split()
            if word.startswith("href=") and ".css" in word
        ]
        assert client.get(style).status_code == 200


def test_a_container_tells_its_health(address: str, tmp_path: Path) -> None:
    program = ROOT / "deploy" / "container" / "healthy.py"
    port = address.rpartition(":")[2]
    for told, status in ((port, 0), (str(free_port()), 1)):
        done = subprocess.run(
            [sys.executable, program],
            env=clean() | {"MAILMINE_PORT": told, "http_proxy": "http://127.0.0.1:1"},
            cwd=tmp_path,
            capture_output=True,
            timeout=DEADLINE,
            check=False,
        )
        assert done.returncode == status, done.stderr
