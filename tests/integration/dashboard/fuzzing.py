"""Requests of every kind for the fuzz: where they go, what they carry, what the database holds.

The routes are those of the URL conf; the names of parameters are those that the code reads and
that the pages' own forms write. What depends on the database is chosen by a number, so that a case
means the same in every run of the tests.
"""

from __future__ import annotations

import enum
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from http import HTTPStatus
from pathlib import Path
from random import Random
from typing import Any, Literal
from urllib.parse import quote
from uuid import UUID

from django.contrib.auth.models import Permission, User
from django.test import Client
from django.urls import URLResolver, get_resolver
from pydantic import AwareDatetime, BaseModel, Field, NaiveDatetime, SecretStr

from tests.integration.dashboard import flows
from tests.integration.dashboard.conftest import started
from workflows_app import Schedule, Workflow
from workflows_app.models import Run, StepSnapshot

ROOT = Path(__file__).parents[3]


class Colour(enum.Enum):
    red = "red"
    blue = "blue"


class Many(BaseModel):
    """A field of every kind, so that its form has one of each."""

    confirmed: bool
    maybe: bool | None = None
    text: str = Field("", max_length=30, pattern="^[a-z]*$")
    number: int = 0
    real: float = 0.0
    money: Decimal = Decimal(1)
    key: UUID | None = None
    day: date | None = None
    at: AwareDatetime | None = None
    naive: NaiveDatetime | None = None
    long: timedelta | None = None
    colour: Colour = Colour.red
    mode: Literal["a", 1, True, "\t"] = "a"
    words: list[str] = ["one"]
    pairs: dict[str, int] = {"two": 2}
    rows: list[flows.Line] = [flows.Line(what="a", price=1)]
    either: flows.Card | flows.Transfer | None = None
    anything: Any = None
    secret: SecretStr | None = None


many = (
    Workflow("fuzz-many", input=Many, schedule=Schedule("0 0 1 1 *", input_data=1))
    .then(flows.anything)
    .commit()
)

# Where requests go.

PLACE = re.compile(r"<(?:\w+:)?(\w+)>")


def routes(patterns: list[Any] | None = None, before: str = "/") -> Iterator[str]:
    """Yield every route of the product, with `<name>` where something is put in."""
    for each in get_resolver().url_patterns if patterns is None else patterns:
        part = str(each.pattern)
        if isinstance(each, URLResolver):
            yield from routes(each.url_patterns, before + part)
        elif part.startswith("(?P"):
            yield f"{before}<url>"
        else:
            yield before + part.removeprefix("^").removesuffix("$")


ROUTES = sorted({*routes(), "/static/<url>", "/<url>"})
#: Routes of one kind are many in the admin: each of the two halves is drawn as often.
PAGES = [route for route in ROUTES if not route.startswith("/admin/")]
ADMIN = [route for route in ROUTES if route.startswith("/admin/")]


def _names() -> list[str]:
    """Return the names of parameters that the code reads, and that templates write."""
    found = set()
    for folder, kind, pattern in (
        (
            "dashboard",
            "*.py",
            r"""(?:get(?:list)?\(|in request\.GET|GET\[|POST\[)\s*"([^"\n]+)\"""",
        ),
        ("templates", "*.html", r"""name="([^"{}\n]+)\""""),
    ):
        for file in (ROOT / folder).rglob(kind):
            found.update(re.findall(pattern, file.read_text()))
    admin = "action confirmed _selected_action select_across index q p o e all _popup _to_field"
    admin += (
        " run__id__exact status__exact workflow__id__exact is_defined__exact _changelist_filters"
    )
    return sorted(found | set(admin.split()))


NAMES = _names()

# Values.

ODD = [
    "", "\0", "a\0b", "[0]", "[", "]", "//[", "//evil.example/", "javascript:alert(1)", "/a\nb",
    "/a\r\nb: c", "http://[", "\ud800", "a\udce9", "\uffff", "\u202e", "é" * 300, "x" * 9000, "-1",
    "0", "1", "9" * 9, "9" * 18, "9" * 19, "9" * 400, "9" * 5000, "-" + "9" * 25, "1e999", "NaN",
    "Infinity", "٣", "²", "true", "null", "{}", "[]", "{", '{"a":"\\ud800"}', '{"a":"\\u0000"}',
    "[" * 5000, '{"a":1e400}', '{"":""}', '{"a":{"b":[1]}}', "0000-00-00", "9999-12-31",
    "0001-01-01", "2026-02-30", "1970-01-01", "9999-12-31T23:59:59+00:00", "2026-11-29T25:61",
    "0001-01-01T00:00-23:59", "0001-01-01T00:00", "PT1e400S", "P99999999999D", "Europe/Paris",
    "localtime", "../../etc/passwd", "..", ".", "%", "%00", "%s", "{0}", "here", "cron", "at",
    "json", "form", "new", "timeline", "data", "events", "audit", "related", "graph", "step",
    "1-2", "1-", "-", ",", "a,b", "0.5-1e9", "add:data.words", "remove:data.words.0", "add:\0",
    "tab:json", "tab:form", "shape:data.either", "edit:$input", "edit:check", "edit:\0",
    "pick:check", "reset:\0", "start", "send", "python", "1=1; --", "__proto__", "* * * * *",
    "0 0 31 2 *", "60 24 * * *", "cancel", "delete_selected", "-" * 200, "2" * 36,
]  # fmt: skip
METHODS = [*["GET"] * 6, *["POST"] * 6, "HEAD", "PUT", "DELETE", "PATCH", "OPTIONS", "ODD"]
TYPES = [
    "application/x-www-form-urlencoded", "application/json", "text/plain", "x;;=;", "\0/\0", "",
    "multipart/form-data", "multipart/form-data; boundary=", "multipart/form-data; boundary=b",
    "multipart/form-data; boundary=é", "application/x-www-form-urlencoded; charset=latin-1",
]  # fmt: skip
#: What a test client cannot send, because it makes a kind of request that fails on it.
ENCODED = [
    "text/html; charset=hex", "text/html; charset=utf-16", "text/plain; charset=unicode_escape",
    "multipart/form-data; boundary=b; charset=hex", "text/plain; charset*=foo'en'utf-8",
    "text/plain; charset=", "application/x-www-form-urlencoded; charset=UTF-8",
]  # fmt: skip
HEADERS = [
    "HX-Request", "HX-History-Restore-Request", "HX-Trigger-Name", "HX-Trigger", "HX-Current-URL",
    "HX-Current-URL-URI-AutoEncoded", "HX-Target", "HX-Boosted", "HX-Prompt", "X-Signalbox-Seen",
    "X-Dialog", "Cookie", "Host", "Origin", "Referer", "Accept", "Accept-Encoding",
    "Accept-Language", "If-None-Match", "If-Modified-Since", "Range", "X-Forwarded-For",
    "X-Forwarded-Host", "X-Forwarded-Proto", "X-CSRFToken", "Authorization", "X-HTTP-Method",
]  # fmt: skip
COOKIES = ["signalbox_tab", "signalbox_zone", "signalbox_columns", "signalbox_csrf", "messages"]
PARTS = [
    b"", b"--b", b"--b--", b"--b\r\n\r\n", b"\0", b"\xff\xfe", b"[" * 5000, b"{", b"=&=&", b"%",
    b'--b\r\nContent-Disposition: form-data; name="op"\r\n\r\nstart\r\n--b--\r\n',
    b'--b\r\nContent-Disposition: form-data; name="data.text"; filename="\0"\r\n\r\n\xff\r\n--b--',
    b'--b\r\nContent-Disposition: form-data; name="json"; filename="../a"\r\n'
    b"Content-Transfer-Encoding: base64\r\n\r\n!!!!\r\n--b--\r\n",
    b"--b\r\nContent-Disposition: form-data\r\nContent-Type: \xff; charset=hex\r\n\r\na\r\n--b--",
    b"&".join(b"a%d=1" % index for index in range(1200)),
]  # fmt: skip


PEOPLE = ["superuser", "superuser", "superuser", "operator", "viewer", "nobody"]
SHARE_OF_PAGES, SHARE_OF_ODD, SHARE_OF_KNOWN, SHARE_OF_LISTED = 0.75, 0.15, 0.2, 0.8


@dataclass(frozen=True)
class Known:
    """Something that the database holds, or a name that a form has; by number."""

    number: int


@dataclass(frozen=True)
class Case:
    """One request, before what it names of the database is put in."""

    person: str
    method: str
    route: str
    places: list[Any]
    query: list[tuple[Any, Any]]
    form: list[tuple[Any, Any]]
    headers: list[tuple[str, str]]
    cookies: list[tuple[str, str]]
    kind: str = "form"
    raw: bytes = b""
    content_type: str = ""
    #: Whether a form is sent also where none is taken.
    insists: bool = False


def case_of(chance: Random) -> Case:
    """Return a case made by chance."""
    return Case(
        person=chance.choice(PEOPLE),
        method=chance.choice(METHODS),
        route=chance.choice(PAGES if chance.random() < SHARE_OF_PAGES else ADMIN),
        places=[_text(chance) if chance.random() < SHARE_OF_ODD else _known_by(chance)
                for _ in range(3)],
        query=_pairs(chance),
        form=_pairs(chance),
        headers=[(chance.choice(HEADERS), _text(chance)) for _ in range(chance.choice([0, 1, 2]))],
        cookies=[(chance.choice(COOKIES), _text(chance)) for _ in range(chance.choice([0, 0, 1]))],
        kind=chance.choice(["form", "form", "form", "multipart", "raw"]),
        raw=chance.choice([*PARTS, chance.randbytes(chance.randint(0, 40))]),
        content_type=chance.choice(TYPES),
        insists=chance.random() < SHARE_OF_ODD,
    )  # fmt: skip


def _pairs(chance: Random) -> list[tuple[Any, Any]]:
    return [(_name(chance), _value(chance)) for _ in range(chance.choice([0, 1, 2, 4, 8]))]


def _name(chance: Random) -> Any:
    kinds = [lambda: chance.choice(NAMES), lambda: _known_by(chance), lambda: _text(chance)]
    return chance.choices(kinds, [6, 3, 1])[0]()


def _value(chance: Random) -> Any:
    return _known_by(chance) if chance.random() < SHARE_OF_KNOWN else _text(chance)


def _known_by(chance: Random) -> Known:
    return Known(chance.randrange(10_000))


def _text(chance: Random) -> str:
    if chance.random() < SHARE_OF_LISTED:
        return chance.choice(ODD)
    signs = [chr(chance.choice([chance.randrange(128), chance.randrange(0x3000), 0xD800]))
             for _ in range(chance.randint(1, 8))]  # fmt: skip
    return "".join(signs)


# What the database holds.


@dataclass
class World:
    """Runs of every status, their questions and steps, and who asks for their pages."""

    clients: dict[str, Client] = field(default_factory=dict)
    #: By the name of a place in a route; other values are under `values`.
    known: dict[str, list[str]] = field(default_factory=dict)
    #: Names of inputs that the forms have.
    inputs: list[str] = field(default_factory=list)
    #: Routes that take no form.
    read_only: set[str] = field(default_factory=set)

    def method(self, case: Case) -> str:
        """Return the method of a case: most forms go where a form is accepted."""
        is_taken = case.route not in self.read_only or case.insists
        return case.method if is_taken or case.method != "POST" else "GET"

    def place(self, name: str, given: Any) -> str:
        """Return a part of an address: a known value of this name, or an invented one."""
        found = self.known.get(name, self.known["values"])
        return found[given.number % len(found)] if isinstance(given, Known) else str(given)

    def value(self, given: Any) -> str:
        """Return the value of a parameter."""
        return self.place("values", given)

    def name(self, given: Any) -> str:
        """Return the name of a parameter."""
        return self.inputs[given.number % len(self.inputs)] if isinstance(given, Known) else given

    def address(self, case: Case) -> str:
        """Return the path of a case, quoted as a browser would."""
        places = iter(case.places)

        def put_in(match: re.Match[str]) -> str:
            text = self.place(match[1], next(places))
            return quote(text.encode("utf-8", "surrogatepass"), safe="/:")

        return PLACE.sub(put_in, case.route)

    def encoded(self, given: list[tuple[Any, Any]]) -> str:
        """Return names and values as a query has them."""
        return "&".join(
            f"{_quoted(self.name(name))}={_quoted(self.value(value))}" for name, value in given
        )


def _quoted(text: str) -> str:
    return quote(text.encode("utf-8", "surrogatepass"), safe="")


def build() -> World:
    """Fill the database, and sign people in."""
    world = World()
    people = {
        "viewer": User.objects.create_user("viewer"),
        "operator": User.objects.create_user("operator", is_staff=True),
        "superuser": User.objects.create_superuser("root", password="secret-of-root"),
    }
    mine = Permission.objects.filter(content_type__app_label="workflows_app")
    people["viewer"].user_permissions.set(mine.filter(codename="view_run"))
    people["operator"].user_permissions.set(mine)
    world.clients["nobody"] = Client()
    for name, person in people.items():
        world.clients[name] = Client()
        world.clients[name].force_login(person)
    _fill(people["superuser"])
    world.known = _known()
    world.inputs = _inputs(world)
    for route in ROUTES:
        probe = Case("nobody", "POST", route, [Known(1)] * 3, [], [], [], [])
        if Client().post(world.address(probe)).status_code == HTTPStatus.METHOD_NOT_ALLOWED:
            world.read_only.add(route)
    return world


def _fill(person: User) -> None:
    started(), started(amount=5), started(title="break"), started(flows.guarded)
    started(note="a\0b\u202e" + "x" * 3000)
    started(flows.yes_or_no), started(flows.one_of_a_few)
    flows.approval.create_run(run_id="never.started:1")
    paused = flows.approval.create_run()
    paused.start({"title": "Desk", "amount": 5}, per_step=True, actor=person)
    travelled = started(amount=5)
    travelled.time_travel("pay", actor=person)
    travelled.fork("check", actor=person)
    started().cancel(actor=person)
    large = flows.items.create_run()
    large.start([1, 2, 3, 4], wait=False)
    many.schedules()[0].pause("why", actor=person)


def _known() -> dict[str, list[str]]:
    runs = Run.objects.order_by("pk")
    steps = StepSnapshot.objects.order_by("pk")
    asked = steps.filter(suspension__isnull=False)
    ids = [run.run_id for run in runs]
    found = {
        "run_id": ids,
        "workflow_id": sorted({run.workflow_id for run in runs} | {many.id, flows.typed_flow.id}),
        "schedule_id": [many.schedules()[0].id],
        "suspension": [str(step.suspension) for step in asked],
        "step": [str(step.pk) for step in steps],
        "path": sorted({step.path for step in steps}),
        "field": ["input", "result", "error", "state", "payload", "output", "suspend_payload"],
        "name": ["cancel", "retry", "restart", "pause", "proceed", "rerun", "delete", "start"],
        "object_id": [str(run.pk) for run in runs] + [str(step.pk) for step in steps],
        "content_type_id": [str(index) for index in range(1, 30)],
        "app_label": ["workflows_app", "auth"],
        "uidb64": ["MQ", "Mg"],
        "token": ["a-b", "set-password"],
    }
    mixed = [value for values in found.values() for value in values[:12]]
    return {**found, "values": mixed + ids}


def _inputs(world: World) -> list[str]:
    """Return the names of inputs that the pages' forms have now."""
    client = world.clients["superuser"]
    run = world.known["run_id"][0]
    pages = [
        *(f"/workflows/{name}/start/" for name in world.known["workflow_id"]),
        f"/runs/{run}/", f"/runs/{run}/time-travel/?from=check", "/inbox/", "/settings/", "/runs/",
        "/admin/workflows_app/run/", "/admin/auth/user/add/",
    ]  # fmt: skip
    found: set[str] = set()
    for page in pages:
        found.update(re.findall(r'name="([^"]+)"', client.get(page).content.decode()))
    return sorted(found)


def multipart(world: World, given: list[tuple[Any, Any]]) -> bytes:
    """Return a form with a file for every other value."""
    lines: list[bytes] = []
    for index, (name, value) in enumerate(given):
        file = '; filename="a.txt"' if index % 2 else ""
        head = f'Content-Disposition: form-data; name="{world.name(name)}"{file}'
        text = world.value(value).encode("utf-8", "surrogatepass")
        lines += [b"--b", head.encode("utf-8", "surrogatepass"), b"", text]
    return b"\r\n".join([*lines, b"--b--", b""])


def body(world: World, case: Case) -> tuple[bytes, str]:
    """Return the body of a case and its content type."""
    if world.method(case) in {"GET", "HEAD"} and case.kind != "raw":
        return b"", ""
    if case.kind == "raw":
        return case.raw, case.content_type
    if case.kind == "multipart":
        return multipart(world, case.form), "multipart/form-data; boundary=b"
    return world.encoded(case.form).encode(), "application/x-www-form-urlencoded"


def shown(case: Case) -> str:
    """Return a case as text, for a failure."""
    return json.dumps(case.__dict__, default=repr, indent=1)
