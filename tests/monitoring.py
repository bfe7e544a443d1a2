"""What the dashboard and the alerts ask Prometheus for, against what a server tells."""

from __future__ import annotations

import json
import re
from typing import Any

import yaml
from processes import ROOT
from prometheus_client.parser import text_string_to_metric_families

MONITORING = ROOT / "deploy" / "monitoring"
NAME = re.compile(r"\bbizlm_[a-z_]+")
SUFFIXES = {"counter": ("_total",), "gauge": ("",), "histogram": ("_bucket", "_sum", "_count")}


def names_asked_for() -> set[str]:
    """The metrics in the queries of the dashboard and of the alerts."""
    dashboard = json.loads((MONITORING / "dashboard.json").read_text(encoding="utf-8"))
    queries = [target["expr"] for panel in dashboard["panels"] for target in panel["targets"]]
    queries += [variable["query"] for variable in dashboard["templating"]["list"]]
    rules: Any = yaml.safe_load((MONITORING / "alerts.yml").read_text(encoding="utf-8"))
    queries += [rule["expr"] for group in rules["groups"] for rule in group["rules"]]
    return {name for query in queries for name in NAME.findall(query)}


def names_told(exposition: str) -> set[str]:
    """The metrics that `/metrics` has, or would have once there is something to count."""
    return {
        family.name + suffix
        for family in text_string_to_metric_families(exposition)
        for suffix in SUFFIXES.get(family.type, ())
    }
