"""Every page and state of the product, for pictures and for the rules of all pages."""

import os
import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final, cast
from urllib.parse import quote

import django
from django.http import HttpRequest
from playwright.sync_api import Browser, BrowserContext, Page

from tests.product import Product

#: Widths and themes: the name's end, CSS pixels, and whether it is dark.
LOOKS: Final = {
    "desktop-light": (1280, False),
    "desktop-dark": (1280, True),
    "phone-light": (390, False),
    "phone-dark": (390, True),
}
#: The environment of the product that has these pages; it begins with `up --demo`.
ENVIRONMENT: Final = {"SIGNALBOX_DEMO": "1", "WORKFLOWS_MODULES": "tests.browser.flows"}
#: Answered with a page of their own, and with a status that browsers report.
STATUSES: Final = {
    "run-gone": "404",
    "page-gone": "404",
    "refused": "403",
    "too-old": "403",
    "signed-out": "401",
    "sign-in-late": "410",
    "sign-in-wrong": "422",
    "start-errors": "422",
    "answer-refused": "422",
    "broken": "500",
    "offline": "ERR_INTERNET_DISCONNECTED",
    "polling": "ERR_INTERNET_DISCONNECTED",
}
PASSWORD: Final = "only for these pages"

#: A question with all that Markdown brings to one.
ASKED: Final = """## Should *Desk, oak* be ordered?

It costs **€ 1,280**, which is over the limit of `500`.

| Shop | Price |
|---|---|
| Oak & Sons | 1,280 |
| Plywood Ltd | 310 |

1. The old one is broken.
2. [The offer](https://shop.example/offer/7) ends on Friday. ![The desk](desk.png)

> Please decide soon.
"""

#: Adds up Chromium's scores for layout shifts, and keeps what moved most.
SHIFTS: Final = """
window.shifted = 0; window.shiftedAt = 0; window.movers = [];
new PerformanceObserver((list) => {
    for (const entry of list.getEntries()) {
        if (entry.hadRecentInput) continue;
        window.shifted += entry.value; window.shiftedAt = performance.now();
        for (const { node } of entry.sources) {
            const text = node?.outerHTML ?? node?.textContent ?? "";
            window.movers.push(`${entry.value.toFixed(3)} ${text.slice(0, 90)}`);
        }
    }
}).observe({ type: "layout-shift", buffered: true });
"""
#: The score from which people notice it is twice this.
MOST_SHIFTED: Final = 0.05

SCHEDULE: Final = "/schedules/wf_nightly-report/"


def look(browser: Browser, cookies: str, name: str) -> BrowserContext:
    """Return a signed-in browser of one width and theme."""
    width, is_dark = LOOKS[name]
    return browser.new_context(
        storage_state=cookies,
        viewport={"width": width, "height": 844 if width < 600 else 900},
        color_scheme="dark" if is_dark else "light",
    )


def sign_in(browser: Browser, link: str, address: str, place: Path) -> str:
    """Follow the link; return the file that keeps the cookies."""
    context = browser.new_context()
    page = context.new_page()
    page.goto(link)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url(f"{address}/**")
    kept = str(place / "cookies.json")
    context.storage_state(path=kept)
    context.close()
    return kept


def people(made: Product) -> None:
    """Let two others come to the demo: Eva, who may do all, and a guest, who may do nothing."""
    made.python(
        "from django.contrib.auth.models import User\n"
        f"User.objects.create_superuser('eva', password={PASSWORD!r})\n"
        f"User.objects.create_user('guest', password={PASSWORD!r})"
    )


def visit(page: Page, address: str, name: str, where: str) -> None:
    """Open a page in its state; whoever is signed in stays so."""
    page.context.set_offline(False)
    kept = page.context.cookies()
    OPENERS.get(name, _open)(page, address + where)
    page.context.add_cookies([cast("Any", one) for one in kept])


def shifts(page: Page) -> Iterator[str]:
    """Yield what moved by itself on the open page, once it is quiet; needs `SHIFTS`."""
    page.wait_for_function("() => performance.now() > window.shiftedAt + 400")
    if (score := page.evaluate("window.shifted")) > MOST_SHIFTED:
        movers = page.evaluate("window.movers.sort().reverse().slice(0, 3)")
        yield f"moves by itself, {score:.3f}: {' | '.join(movers)}"


def _open(page: Page, where: str) -> None:
    page.goto(where)


def _signed_out(page: Page, where: str) -> None:
    page.context.clear_cookies()
    page.goto(where)


def _wrong_password(page: Page, where: str) -> None:
    _signed_out(page, where)
    _sign_in_as(page, "nobody")


def _as_guest(page: Page, where: str) -> None:
    _signed_out(page, where)
    _sign_in_as(page, "guest")


def _sign_in_as(page: Page, name: str) -> None:
    page.get_by_label("Name").fill(name)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_load_state()


def _sent_after_sign_out(page: Page, where: str) -> None:
    page.goto(where)
    page.context.clear_cookies(name="signalbox_session")
    _submit(page)


def _sent_too_late(page: Page, where: str) -> None:
    page.goto(where)
    page.locator(".schema-form [name=csrfmiddlewaretoken]").evaluate("(one) => { one.value = ''; }")
    _submit(page)


def _submit(page: Page) -> None:
    with page.expect_navigation():
        page.locator(".schema-form").evaluate(
            "(form) => HTMLFormElement.prototype.submit.call(form)"
        )


def _start_times(page: Page, where: str) -> None:
    page.goto(where)
    page.get_by_label("Resource id").fill("")
    page.get_by_label("Again and again, by cron").check()
    page.get_by_label("Cron expression").fill("30 6 * * 1-5")
    page.get_by_role("button", name="Show the next times").click()
    page.locator("#planned").wait_for()


def _start_python(page: Page, where: str) -> None:
    page.goto(where)
    page.get_by_role("button", name="Show as code").click()
    page.locator("#python").wait_for()


def _start_errors(page: Page, where: str) -> None:
    page.goto(where)
    page.get_by_role("button", name="Start and watch").click()
    page.locator(".summary-of-errors").wait_for()


def _answer_refused(page: Page, where: str) -> None:
    page.goto(where)
    page.get_by_role("button", name="Send answer").last.click()
    page.locator(".summary-of-errors").wait_for()


def _dialog(page: Page, where: str) -> None:
    page.goto(where)
    page.locator(".more summary").click()
    page.locator(".more a[data-dialog]").first.click()
    page.locator("dialog[open] #dialog-title").wait_for()
    page.locator("dialog[open] summary").first.click()


def _menu(page: Page, where: str) -> None:
    page.goto(where)
    page.locator("main details.menu summary").first.click()


def _account(page: Page, where: str) -> None:
    page.goto(where)
    page.locator(".top details.menu summary").click()


def _keys(page: Page, where: str) -> None:
    page.goto(where)
    page.keyboard.press("?")
    page.locator("#keys[open]").wait_for()


def _offline(page: Page, where: str) -> None:
    """Lose the server: the page says since when."""
    _without_socket(page, where)
    page.context.set_offline(True)
    page.locator("[data-pulse][data-state=offline]").wait_for()


def _without_socket(page: Page, where: str) -> None:
    """Refuse sockets here, and on no other page that is opened in this tab."""
    page.route_web_socket(
        re.compile("/ws/"),
        lambda socket: socket.close() if "alone=" in page.url else socket.connect_to_server(),
    )
    page.goto(where)
    page.locator("[data-pulse][data-state=polling]").wait_for()


def _broken(page: Page, where: str) -> None:
    """Show the page of an error, as no address of the product has one."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "dashboard.settings")
    django.setup()
    from dashboard import site  # noqa: PLC0415 - it needs Django to be set up

    answer = site.handler500(HttpRequest())
    body, kind = answer.content.decode(), answer["Content-Type"]
    page.route("**/broken/", lambda route: route.fulfill(status=500, body=body, content_type=kind))
    page.goto(where)


#: How the pages are opened that are more than an address.
OPENERS: Final[dict[str, Callable[[Page, str], None]]] = {
    "sign-in": _signed_out,
    "sign-in-late": _signed_out,
    "sign-in-wrong": _wrong_password,
    "signed-out": _sent_after_sign_out,
    "refused": _as_guest,
    "too-old": _sent_too_late,
    "start-times": _start_times,
    "start-python": _start_python,
    "start-errors": _start_errors,
    "answer-refused": _answer_refused,
    "act-dialog": _dialog,
    "run-menu": _menu,
    "inbox-menu": _menu,
    "account-menu": _account,
    "keys": _keys,
    "polling": _without_socket,
    "offline": _offline,
    "broken": _broken,
}


def pages(browser: Browser, address: str, cookies: str) -> dict[str, str]:
    """Bring the demo into every state; return the pages' names and addresses."""
    context = browser.new_context(storage_state=cookies)
    page = context.new_page()
    try:
        found = dict(_pages(page, address))
        claimed = browser.new_context()
        found["take-over"] = _claimed_by_another(claimed.new_page(), page, address)
        claimed.close()
        return found
    finally:
        context.close()


def _claimed_by_another(hers: Page, page: Page, address: str) -> str:
    """Ask a question that Eva then claims; return the page that takes it over from her."""
    page.goto(f"{address}/workflows/values/start/")
    page.locator("textarea").first.fill('{"a": 1}')
    page.get_by_role("button", name="Start and watch").click()
    page.wait_for_url(re.compile("/runs/[^/]+/$"))
    run = page.url.rstrip("/").rpartition("/")[2]
    _first_run(page, f"{address}/runs/?workflow=values&status=suspended")
    hers.goto(f"{address}/sign-in/?next=/inbox/%3Ftab=all")
    _sign_in_as(hers, "eva")
    hers.locator(".ask", has_text="Values").locator("a.ask-link").first.click()
    hers.get_by_role("button", name="Claim").click()
    hers.locator(".claim").wait_for()
    item = hers.url.rpartition("item=")[2]
    assert run
    return f"/inbox/{item}/take-over/"


def _pages(page: Page, address: str) -> Iterator[tuple[str, str]]:
    failed = _failed(page, address)
    asking = _first_run(page, f"{address}/runs/?workflow=expense-approval&status=suspended")
    done = _first_run(page, f"{address}/runs/?workflow=expense-approval&status=success")
    imported = _first_run(page, f"{address}/runs/?workflow=csv-import")
    checked = _first_run(page, f"{address}/runs/?workflow=release-check")
    canceled = _canceled(page, address, done)
    item = _item(page, address)
    written = _written(page, address)
    first = _first_step(page, address, done)
    page.goto(f"{address}{SCHEDULE}trigger/")
    page.locator("#confirm button.primary").click()
    yield "overview", "/"
    yield "runs", "/runs/"
    yield "runs-failed", "/runs/?status=failed"
    yield "runs-nothing", "/runs/?workflow=nowhere"
    yield "act-dialog", f"/runs/{asking}/"
    yield "run-menu", f"/runs/{asking}/"
    yield "run-drawer", f"/runs/{imported}/?tab=timeline&step=check_rows"
    yield "run-suspended", f"/runs/{asking}/"
    yield "run-markdown", written
    yield "run-failed", f"/runs/{failed}/"
    yield "run-failed-timeline", f"/runs/{failed}/?tab=timeline&errors=1"
    for tab in ("graph", "timeline", "events", "data", "related", "audit"):
        yield f"run-{tab}", f"/runs/{imported}/?tab={tab}"
    yield "run-wide", f"/runs/{checked}/?tab=graph"
    yield "run-success", f"/runs/{done}/?tab=timeline"
    yield "run-canceled", f"/runs/{canceled}/?tab=audit"
    yield "run-playback", f"/runs/{done}/?tab=graph&at=6"
    yield "run-log", f"/runs/{done}/log/"
    yield "run-gone", "/runs/nobody/"
    yield "page-gone", "/nowhere/"
    yield "step", f"/runs/{done}/steps/{quote(first)}/"
    for name in ("cancel", "retry", "restart", "pause", "proceed", "rerun", "delete"):
        yield f"act-{name}", f"/runs/{done}/{name}/"
    yield "act-cancel-possible", f"/runs/{asking}/cancel/"
    yield "act-retry-possible", f"/runs/{failed}/retry/"
    yield "time-travel", f"/runs/{done}/time-travel/"
    yield "time-travel-plan", f"/runs/{done}/time-travel/?from={quote(first)}"
    yield "compare", f"/runs/compare/?a={done}&b={asking}"
    yield "compare-empty", "/runs/compare/"
    yield "inbox", "/inbox/"
    yield "inbox-item", item
    yield "inbox-menu", item
    yield "answer-refused", f"/inbox/?tab=all&item={_asked(page, address, written)}"
    yield "inbox-markdown", f"/inbox/?tab=all&item={_asked(page, address, written)}"
    yield "inbox-mine", "/inbox/?tab=mine"
    yield "inbox-done", "/inbox/?tab=done"
    yield from _others(page, address, asking, done)


def _others(page: Page, address: str, asking: str, done: str) -> Iterator[tuple[str, str]]:
    yield "value", f"/runs/{done}/values/input/"
    yield "answer", _answer(page, address, asking)
    yield "answer-gone", f"/runs/{done}/answer/0199f0a0-0000-7000-8000-000000000001/"
    yield "sign-in", "/sign-in/"
    yield "sign-in-late", "/sign-in/MQ/nothing/"
    yield "sign-in-wrong", "/sign-in/"
    yield "signed-out", "/workflows/expense-approval/start/"
    yield "refused", "/runs/"
    yield "too-old", "/workflows/expense-approval/start/"
    yield "workflows", "/workflows/"
    yield "workflow", "/workflows/expense-approval/"
    yield "start", "/workflows/expense-approval/start/"
    yield "start-again", f"/workflows/expense-approval/start/?from={done}"
    for state in ("times", "python"):
        yield f"start-{state}", f"/workflows/expense-approval/start/?from={done}"
    yield "start-errors", "/workflows/expense-approval/start/"
    yield "start-json", "/workflows/values/start/"
    yield "start-kinds", "/workflows/typed/start/"
    yield "schedules", "/schedules/"
    yield "schedule", SCHEDULE
    yield "schedule-pause", f"{SCHEDULE}pause/"
    yield "schedule-trigger", f"{SCHEDULE}trigger/"
    yield "workers", "/workers/"
    yield "audit", "/audit/"
    yield "audit-nothing", "/audit/?person=nobody"
    yield "settings", "/settings/"
    yield "tokens", "/settings/tokens/"
    yield "account-menu", "/settings/"
    yield "keys", "/settings/"
    yield "polling", "/runs/?alone=1"
    yield "offline", "/runs/?alone=1"
    yield "broken", "/broken/"


def _first_run(page: Page, where: str, seconds: float = 30) -> str:
    """Return the newest run of a list, once there is one."""
    deadline = time.monotonic() + seconds
    link = page.locator("tr[data-run] a.row-link").first
    while True:
        page.goto(where)
        if link.count():
            return (link.get_attribute("href") or "").rstrip("/").rpartition("/")[2]
        if time.monotonic() > deadline:
            raise AssertionError(f"No run came to {where}")
        page.wait_for_timeout(250)


def _failed(page: Page, address: str) -> str:
    page.goto(f"{address}/workflows/parcel/start/")
    page.get_by_label("Name").fill("broken")
    page.get_by_role("button", name="Start and watch").click()
    page.wait_for_url(re.compile("/runs/[^/]+/$"))
    return _first_run(page, f"{address}/runs/?workflow=parcel&status=failed")


def _first_step(page: Page, address: str, run: str) -> str:
    page.goto(f"{address}/runs/{run}/time-travel/")
    link = page.locator(".picker a").nth(1)
    return (link.get_attribute("href") or "").partition("from=")[2]


def _answer(page: Page, address: str, run: str) -> str:
    page.goto(f"{address}/runs/{run}/")
    action = page.locator("form.schema-form").first.get_attribute("action") or ""
    return action.removeprefix(address)


def _item(page: Page, address: str) -> str:
    page.goto(f"{address}/inbox/?tab=all")
    return page.locator("a.ask-link").first.get_attribute("href") or ""


def _written(page: Page, address: str) -> str:
    """Ask in Markdown; return the page of the run."""
    page.goto(f"{address}/workflows/reading/start/")
    page.locator("[name='data.text']").fill(ASKED)
    page.get_by_role("button", name="Start and watch").click()
    page.wait_for_url(re.compile("/runs/[^/]+/$"))
    page.locator("form.schema-form").first.wait_for()
    return page.url.removeprefix(address)


def _asked(page: Page, address: str, run: str) -> str:
    page.goto(address + run)
    action = page.locator("form.schema-form").first.get_attribute("action") or ""
    return action.rstrip("/").rpartition("/")[2]


def _canceled(page: Page, address: str, run: str) -> str:
    """Run one again and cancel it, so that there is one with a trail."""
    page.goto(f"{address}/runs/{run}/rerun/")
    page.locator("#confirm button.primary").click()
    page.wait_for_url(re.compile("/runs/[^/]+/$"))
    made = page.url.rstrip("/").rpartition("/")[2]
    page.goto(f"{address}/runs/{made}/cancel/")
    if page.locator("#confirm button.danger").count():
        page.locator("#confirm button.danger").click()
    return made
