"""`python -m bench.compare_cleaning`: mailmine's refining next to its peers, on the suites that they test themselves with.

Each peer runs in an environment of its own, in `bench/.env-<name>`, made when it is missing. The suites and the scorer
are no part of mailmine; `--shared` says where they lie.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import venv
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).parent
TASKS = "reply,html_reply,signature,forward"
SCORED = ("lxml==6.0.2", "inscriptis==2.7.6")
"""What the scorer itself needs, and what makes text of HTML for peers that read only text."""


FAILED = "raised or took over 5 s"
"""The row, not of a suite, that counts cases."""


@dataclass(frozen=True, slots=True)
class Peer:
    """Another cleaner, and what has to be installed for it."""

    version: str
    packages: tuple[str, ...]
    """Of PyPI, without what they ask for."""
    node_packages: tuple[str, ...] = ()


PEERS = {
    "talon": Peer(
        "1.4.4",
        (
            "talon==1.4.4",
            "faust-cchardet==2.1.19",
            "chardet==5.2.0",
            "cssselect==1.3.0",
            "html5lib==1.1",
            "regex==2025.9.1",
            "six==1.17.0",
            "webencodings==0.5.1",
        ),
    ),
    "planer": Peer("1.2.0", (), ("planer@1.2.0", "jsdom@22.1.0")),
    "crisp": Peer("2.3.9", (), ("email-reply-parser@2.3.9",)),
    "mail-parser-reply": Peer("1.36", ("mail-parser-reply==1.36",)),
    "email-reply-parser": Peer("0.5.12", ("email-reply-parser==0.5.12",)),
    "quotequail": Peer("0.5.4", ("quotequail==0.5.4", "typing-extensions==4.15.0")),
    "unquotemail": Peer(
        "1.0.11",
        (
            "unquotemail==1.0.11",
            "beautifulsoup4==4.13.5",
            "html2text==2025.4.15",
            "markdown==3.8.2",
            "soupsieve==2.8",
            "typing-extensions==4.15.0",
        ),
    ),
}


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(prog="python -m bench.compare_cleaning")
    parser.add_argument("--shared", type=Path, default=HERE.parent.parent / "shared")
    parser.add_argument(
        "peers", nargs="*", metavar="PEER", default=list(PEERS), help=", ".join(PEERS)
    )
    given = parser.parse_args()
    scorer = given.shared / "tools" / "score.py"
    if not scorer.exists():
        sys.exit(f"The suites and their scorer are not at {given.shared}: say by --shared where.")
    if unknown := set(given.peers) - PEERS.keys():
        parser.error(f"no such peer: {', '.join(sorted(unknown))}")
    reports = {
        "mailmine": _score(Path(sys.executable), scorer, "bench.cleaning:clean", HERE.parent)
    }
    for name in given.peers:
        print(f"{name} …", file=sys.stderr, flush=True)
        try:
            python = _environment(name, PEERS[name])
        except subprocess.CalledProcessError as error:
            print(f"{name} cannot be installed: {error}", file=sys.stderr)
            continue
        candidate = f"cleaners:{name.replace('-', '_')}"
        reports[name] = _score(python, scorer, candidate, HERE / "peers")
    print("\n".join(_table(reports)))


def _environment(name: str, peer: Peer) -> Path:
    """Make the environment of a peer, where it is missing; give its Python."""
    folder = HERE / f".env-{name}"
    python = folder / "bin" / "python"
    if (folder / ".made").exists():
        return python
    venv.create(folder, with_pip=True, clear=True)
    install = [str(python), "-m", "pip", "install", "-qq", "--no-deps"]
    subprocess.run([*install, *SCORED, *peer.packages], check=True)
    if peer.node_packages:
        npm = ["npm", "install", "--silent", "--no-audit", "--no-fund", "--prefix", str(folder)]
        subprocess.run([*npm, *peer.node_packages], check=True)
    (folder / ".made").touch()
    return python


def _score(
    python: Path, scorer: Path, candidate: str, folder: Path
) -> dict[str, tuple[float, int]]:
    """Score a cleaner: exact percent and cases by suite and task."""
    with tempfile.TemporaryDirectory() as place:
        report = Path(place) / "report.json"
        command = [python, scorer, candidate, "--tasks", TASKS, "--json", report, "--timeout", "5"]
        subprocess.run(
            list(map(str, command)),
            check=True,
            cwd=folder,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        read = json.loads(report.read_text())
    exact = {name: (row["exact"], row["n"]) for name, row in read["table"].items()}
    return exact | {FAILED: (sum(read["errors"].values()), 0)}


def _table(reports: Mapping[str, Mapping[str, tuple[float, int]]]) -> Iterator[str]:
    """Write the table in Markdown, the best of each row in bold."""
    names = list(reports)
    yield f"| suite | cases | {' | '.join(_titled(name) for name in names)} |"
    yield "| --- " * (len(names) + 2) + "|"
    suites = sorted({suite for report in reports.values() for suite in report} - {FAILED})
    for suite in suites:
        figures = [reports[name].get(suite, (0.0, 0))[0] for name in names]
        cells = [f"**{one:.1f}**" if one == max(figures) else f"{one:.1f}" for one in figures]
        yield f"| {suite} | {reports['mailmine'][suite][1]} | {' | '.join(cells)} |"
    failed = [f"{reports[name][FAILED][0]:.0f}" for name in names]
    yield f"| {FAILED} | | {' | '.join(failed)} |"


def _titled(name: str) -> str:
    return f"{name} {PEERS[name].version}" if name in PEERS else name


if __name__ == "__main__":
    main()
