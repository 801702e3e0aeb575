"""A visit to a project's pages without a browser; `visit.py` runs inside of the project."""

import re
import time

from django.contrib.auth import get_user_model
from django.template.loader import get_template
from django.test import Client
from django.urls import reverse

import dashboard
import worker
from workflows_app import get_workflow

assert dashboard.OWNER == worker.OWNER == "the host"
PREFIX = reverse("signalbox:home")
person = get_user_model().objects.get()


def page(answer, status=200):
    """Return a page's text, after a look at what every page must have."""
    assert answer.status_code == status, (answer.status_code, answer.content[:2000])
    text = answer.content.decode()
    assert "script-src 'self'" in answer.headers["Content-Security-Policy"]
    for address in re.findall(r'(?:src|href)="([^"#?]*)', text):
        assert address.startswith(PREFIX) or not address.startswith("/") or "admin" in address
    # Numbers in drawings are written as programs read them.
    for number in re.findall(r' (?:x|y|width|height|r|cx|cy)="([^"]*)"', text):
        assert re.fullmatch(r"-?[\d.]+%?", number), number
    return text


def inside(address):
    """Return an address as Django sees it, without the prefix of FORCE_SCRIPT_NAME."""
    return address[address.index("/ops/") :]


# A stranger is led to the host's door, and what they typed is kept.
stranger = Client(headers={"host": "127.0.0.1"})
led = stranger.get("/ops/runs/")
assert led.status_code == 302, led
assert "/door/?next=" in led["Location"]
led = stranger.post("/ops/workflows/orders/start/", {"data.id": "typed", "op": "send"})
assert led.status_code == 302, led
assert stranger.login(username="ana@example.org", password="only-for-this-test")
form = page(stranger.get("/ops/workflows/orders/start/"))
assert 'value="typed"' in form

visitor = Client(headers={"host": "127.0.0.1"})
visitor.force_login(person)
text = ""
for name in (
    "home",
    "inbox",
    "runs",
    "workflows",
    "schedules",
    "workers",
    "audit",
    "settings",
    "tokens",
):
    text = page(visitor.get(inside(reverse(f"signalbox:{name}"))))
assert '<html lang="de">' in text
assert "Läufe</a>" in text
for style in re.findall(r'href="([^"]*\.css)"', text):
    assert visitor.get(inside(style)).status_code == 200, style
assert 'data-sockets=""' in text

# Start, wait for the question, answer, travel in time.
sent = visitor.post(
    "/ops/workflows/orders/start/", {"data.id": "o1", "data.total": "1234.5", "op": "send"}
)
assert sent.status_code == 302, sent.content[:3000]
run_id = sent["Location"].rstrip("/").rpartition("/")[2].partition("?")[0]


def wait_for(status):
    for _ in range(600):
        if get_workflow("orders").get_run(run_id).status == status:
            return
        time.sleep(0.05)
    raise AssertionError(get_workflow("orders").get_run(run_id).status)


wait_for("suspended")
text = page(visitor.get(f"/ops/runs/{run_id}/"))
(answer,) = re.findall(r'action="([^"]*/answer/[^"]*)"', text)[:1]
sent = visitor.post(inside(answer), {"data.approved": "true", "op": "send"})
assert sent.status_code == 302, sent.content[:3000]
wait_for("success")
for tab in ("", "?tab=graph", "?tab=timeline", "?tab=data", "?tab=related", "?tab=audit"):
    page(visitor.get(f"/ops/runs/{run_id}/{tab}"))
page(visitor.get(f"/ops/runs/{run_id}/time-travel/?from=approve"))

# Nothing of the host has changed.
assert get_template("dashboard/base.html").render() == "the host's base"
nothing = visitor.get("/nowhere/")
assert nothing.content.decode() == "the host's page for what is not there"
assert "Hier ist nichts" in page(visitor.get("/ops/runs/none/"), 404)
own = visitor.get("/")
assert own.content == b"the host's own page"
assert "X-Request-Id" not in own.headers
assert reverse("runs").endswith("/runs/")
assert not reverse("runs").endswith("/ops/runs/")
for name in ("run", "stepsnapshot", "action", "keptanswer"):
    rows = visitor.get(f"/admin/workflows_app/{name}/?q=x")
    assert rows.status_code == 200, name
