"""The dashboard and the alert rules ask for what is measured, and the documentation tells all of it."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from fastapi import FastAPI
from prometheus_client.metrics import MetricWrapperBase

from mailmine import metrics
from mailmine.api.metrics import Scrape
from tests.conftest import ROOT

RULES = ROOT / "deploy" / "prometheus" / "mailmine.rules.yml"
DASHBOARD = ROOT / "deploy" / "grafana" / "mailmine.json"
NAME = re.compile(r"\b((?:mailmine|process)_[a-z_]+)\b(?:\{([^}]*)\})?")
LABEL = re.compile(r"(\w+)\s*(?:=~|!~|!=|=)")
BY = re.compile(r"\bby \(([^)]*)\)")
ANYWHERE = {"job", "instance", "le"}
"""Labels that Prometheus adds."""
ENDINGS = {"counter": ("_total",), "histogram": ("_bucket", "_sum", "_count")}


def rules() -> list[dict[str, Any]]:
    (group,) = yaml.safe_load(RULES.read_text(encoding="utf-8"))["groups"]
    found: list[dict[str, Any]] = group["rules"]
    return found


def panels() -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(DASHBOARD.read_text(encoding="utf-8"))["panels"]
    return found


def expressions() -> Iterator[tuple[str, str]]:
    for rule in rules():
        yield rule["alert"], rule["expr"]
    for panel in panels():
        for target in panel.get("targets", ()):
            yield panel["title"], target["expr"]


@pytest.fixture(scope="module")
def measured(app: FastAPI) -> dict[str, set[str]]:
    """Give the names of all that is measured, each with its labels."""
    own = {
        metric._name: set(metric._labelnames)
        for metric in vars(metrics).values()
        if isinstance(metric, MetricWrapperBase)
    }
    names: dict[str, set[str]] = {}
    for family in Scrape(app.state.services).collect():
        labels = own.get(family.name, set(getattr(family, "_labelnames", ())))
        for ending in ENDINGS.get(family.type, ("",)):
            names[family.name + ending] = labels
    return names


@pytest.mark.usefixtures("sales")
def test_what_is_asked_for_is_measured(measured: dict[str, set[str]]) -> None:
    asked = list(expressions())
    assert len(asked) > 40
    for where, expression in asked:
        found = NAME.findall(expression)
        assert found, where
        for name, selector in found:
            assert name in measured, f"{where}: {name}"
            for label in LABEL.findall(selector):
                assert label in measured[name] | ANYWHERE, f"{where}: {name} has no {label}"
        labels = {label for name, _ in found for label in measured[name]} | ANYWHERE
        for by in BY.findall(expression):
            assert {label.strip() for label in by.split(",")} <= labels, where


@pytest.mark.usefixtures("sales")
def test_all_that_is_measured_is_shown_and_told(measured: dict[str, set[str]]) -> None:
    told = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
    shown = DASHBOARD.read_text(encoding="utf-8")
    for name in measured:
        stem = re.sub("_(bucket|sum|count)$", "", name)
        if stem.startswith("mailmine_"):
            assert f"`{stem}`" in told, stem
            assert stem in shown or stem == "mailmine_build_info", stem


def test_each_alert_says_how_bad_it_is_and_what_to_do() -> None:
    names = [rule["alert"] for rule in rules()]
    assert len(names) == len(set(names))
    told = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
    for rule in rules():
        assert rule["labels"]["severity"] in {"critical", "warning"}
        assert {"summary", "description"} <= rule["annotations"].keys()
        assert f"`{rule['alert']}`" in told


def test_the_panels_lie_side_by_side() -> None:
    taken: set[tuple[int, int]] = set()
    ids = [panel["id"] for panel in panels()]
    assert len(ids) == len(set(ids))
    for panel in panels():
        place = panel["gridPos"]
        area = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert not area & taken, panel["title"]
        assert all(x < 24 for x, _ in area)
        taken |= area


@pytest.mark.parametrize("path", [RULES, DASHBOARD])
def test_no_address_and_no_secret_of_ours_is_in_it(path: Path) -> None:
    assert "@" not in path.read_text(encoding="utf-8")
