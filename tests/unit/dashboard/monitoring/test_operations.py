"""The dashboard and the alert rules name only figures that there are."""

import json
import re
from pathlib import Path

import pytest

from dashboard.monitoring import exposition, gauges

ROOT = Path(__file__).resolve().parents[4]
FOLDER = ROOT / "dashboard" / "operations"
GAUGES = re.findall(r'(?:_one|Gauge)\(\s*"(\w+)"', Path(gauges.__file__).read_text("utf-8"))
KNOWN = {
    *(f"{name}_total" for name in exposition._COUNTERS),
    *(f"{name}_seconds_bucket" for name in exposition._TIMES),
    *GAUGES,
}


@pytest.mark.parametrize("name", ["grafana.json", "alerts.yml"])
def test_a_file_for_operators_names_only_what_is_measured(name):
    named = set(re.findall(r"signalbox_(\w+)", (FOLDER / name).read_text("utf-8")))

    assert named
    assert named <= KNOWN


def test_the_dashboard_shows_every_figure():
    text = (FOLDER / "grafana.json").read_text("utf-8")

    assert json.loads(text)["title"] == "Signalbox"
    assert {name for name in KNOWN if f"signalbox_{name}" not in text} == set()
