"""What a form shows untouched is what a real browser sends: with script, without, over the JSON."""

import json
import re
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Visitors
from tests.product import Product

GIVEN: dict[str, Any] = {
    "separator": "\t",
    "likeness": "1",
    "text": "\n a\r\nb\rc \t\n",
    "names": ["id", "", "na\nme", " ", "\u202ea\0"],
    "nested": [[1], [], [2]],
    "inner": None,
    "plain": "2026-03-29T02:30:00",
    "due": "2026-10-25T02:30:00+02:00",
    "hour": "09:30:00",
    "keys": {"a": "", " b": "x\ny", 'c"<': "2026-03-01"},
    "either": "12",
    "maybe": "",
    "yes": False,
    "many": ["b\n"],
    "wait": "P1DT5M",
    "anything": {"n": 12345678901234567890, "f": 1e22, "t": "\u200b"},
    "more": {"": [1.0, "1", True]},
    "items": [],
}
OTHER: dict[str, Any] = {
    **GIVEN,
    "separator": "",
    "likeness": True,
    "inner": {"a": ""},
    "plain": "2026-03-01T09:30:00.123456",
    "due": "2026-03-01T09:30:59.001000Z",
    "hour": "23:59:59.999999",
    "either": 12,
    "maybe": None,
    "yes": True,
    "many": [],
}

START = """
from workflows_app import get_workflow
run = get_workflow("fragile").create_run()
run.start(json.loads({text!r}), wait=False)
print(json.dumps(run.run_id))
"""
READ = """
from workflows_app.models import Run
print(json.dumps(Run.objects.get(run_id={run_id!r}).input))
"""


def _copied(product: Product, visitors: Visitors, given: Any, *, script: bool = True) -> Page:
    """Return the start page that holds what another run was given."""
    run_id = product.python(START.format(text=json.dumps(given)))
    page = visitors.come(script=script).go(f"/workflows/fragile/start/?from={run_id}")
    expect(page.get_by_text(f"This is the input of run {run_id}")).to_be_visible()
    return page


def _sent(page: Page, product: Product) -> Any:
    """Send the form, and return what its run was given."""
    page.get_by_role("button", name="Start and watch").click()
    page.wait_for_url(re.compile("/runs/[^/]+/$"))
    return product.python(READ.format(run_id=page.url.rstrip("/").rpartition("/")[2]))


@pytest.mark.parametrize("script", [True, False])
@pytest.mark.parametrize("given", [GIVEN, OTHER])
def test_a_copied_run_that_nobody_touched_gets_the_same_input(
    visitors: Visitors, installed: Product, given: Any, *, script: bool
) -> None:
    page = _copied(installed, visitors, given, script=script)

    assert _sent(page, installed) == given


@pytest.mark.parametrize("given", [GIVEN, OTHER])
def test_a_look_at_the_json_changes_nothing(
    visitors: Visitors, installed: Product, given: Any
) -> None:
    page = _copied(installed, visitors, given)

    page.get_by_role("button", name="JSON", exact=True).click()
    expect(page.get_by_label("JSON", exact=True)).to_be_visible()
    page.get_by_role("button", name="Form", exact=True).click()
    expect(page.get_by_label("Separator")).to_be_visible()

    assert _sent(page, installed) == given


def test_an_item_that_is_added_to_fifty_drops_none(visitors: Visitors, installed: Product) -> None:
    items = [f"item {number}" for number in range(50)]
    page = _copied(installed, visitors, {**GIVEN, "items": items})

    page.get_by_role("button", name="Add item", exact=True).click()
    added = page.locator('[name="data.items.50"]')
    expect(added).to_be_focused()
    added.fill("one more")

    assert _sent(page, installed)["items"] == [*items, "one more"]


def test_a_blank_that_is_chosen_is_sent(visitors: Visitors, installed: Product) -> None:
    page = visitors.come().go("/workflows/fragile/start/")
    page.get_by_label("Separator").select_option(label="Tab")
    expect(page.get_by_label("Separator").get_by_role("option", name="None")).to_have_count(0)
    page.get_by_label("Likeness").select_option(label='"1"')

    sent = _sent(page, installed)

    assert (sent["separator"], sent["likeness"], sent["text"]) == ("\t", "1", "a\nb")
    assert sent["names"] == ["id", "", "name"]
    assert sent["inner"] == {"a": "baz"}
