"""What is typed is sent once, and is not lost: signed out, pressed twice, reloaded, refused."""

import re

from playwright.sync_api import expect

from tests.browser.conftest import Visitors
from tests.product import Product


def test_a_tab_that_was_signed_out_keeps_what_was_typed(
    visitors: Visitors, installed: Product
) -> None:
    installed.python(
        "from django.contrib.auth.models import User\n"
        "User.objects.create_superuser('paula', password='only for this test')"
    )
    visitor = visitors.come()
    page = visitor.go("/workflows/parcel/start/")
    page.get_by_label("Name").fill("Kept <over> the sign-in")
    page.get_by_label("Pieces").fill("7")
    page.context.clear_cookies(name="signalbox_session")

    page.get_by_role("button", name="Start and watch").click()
    expect(page.get_by_text("You were signed out, so nothing was sent")).to_be_visible()
    page.get_by_label("Name").fill("paula")
    page.get_by_label("Password").fill("only for this test")
    page.get_by_role("button", name="Sign in").click()

    page.wait_for_url(re.compile("/workflows/parcel/start/$"))
    expect(page.get_by_label("Name")).to_have_value("Kept <over> the sign-in")
    expect(page.get_by_label("Pieces")).to_have_value("7")


def test_a_form_that_is_sent_twice_at_once_starts_one_run(visitors: Visitors) -> None:
    for script in (True, False):
        visitor = visitors.come(script=script)
        page = visitor.go("/workflows/parcel/start/")
        name = f"once, {'with' if script else 'without'} script"
        page.get_by_label("Name").fill(name)
        page.get_by_role("button", name="Start and watch").dblclick(no_wait_after=True)
        page.wait_for_url(re.compile("/runs/[^/]+/$"))
        run = page.url

        visitor.go("/workflows/parcel/")
        found = page.locator("tr[data-run]").evaluate_all(
            "(all) => all.map((one) => one.innerText)"
        )
        first = page.locator("tr[data-run] a.row-link").first
        assert run.endswith(first.get_attribute("href") or "nowhere")
        second = page.locator("tr[data-run] a.row-link").nth(1)
        if len(found) > 1:
            visitor.go((second.get_attribute("href") or "") + "?tab=data")
            expect(page.locator("main")).not_to_contain_text(name)


def test_the_start_page_keeps_its_options_over_a_reload_and_a_refusal(visitors: Visitors) -> None:
    visitor = visitors.come()
    page = visitor.go("/workflows/parcel/start/")
    page.get_by_label("Name").fill("x")
    page.get_by_text("More: ids, tags").click()
    page.get_by_label("Resource id").fill("customer 4")
    page.get_by_label("Again and again, by cron").check()
    page.get_by_label("Cron expression").fill("61 * * * *")
    page.reload()

    expect(page.get_by_label("Resource id")).to_have_value("customer 4")
    expect(page.get_by_label("Cron expression")).to_have_value("61 * * * *")
    page.get_by_label("Resource id").fill("")
    page.get_by_role("button", name="Show the next times").click()
    expect(page.get_by_label("Cron expression")).to_be_focused()
    expect(page.locator('[id="data.~when.cron-error0"]')).to_contain_text("cannot be read")
    page.get_by_label("Cron expression").fill("0 7 * * *")
    page.get_by_role("button", name="Show the next times").click()
    expect(page.locator("#planned li")).to_have_count(5)
    expect(page.get_by_role("button", name="Start and watch")).to_have_count(0)
    page.get_by_role("button", name="Create schedule").click()

    page.wait_for_url(re.compile("/schedules/"))
    expect(page.get_by_text("The schedule is created.")).to_be_visible()
    expect(page.locator("main")).to_contain_text("0 7 * * *")


def test_a_schedule_is_made_without_script(visitors: Visitors) -> None:
    page = visitors.come(script=False, width=390).go("/workflows/parcel/start/")
    page.get_by_label("Name").fill("later")
    page.get_by_label("Again and again, by cron").check()
    page.get_by_label("Cron expression").fill("@weekly")
    page.get_by_role("button", name="Show the next times").click()
    expect(page.locator("#planned li")).to_have_count(5)
    page.get_by_role("button", name="Create schedule").click()

    page.wait_for_url(re.compile("/schedules/"))
    expect(page.locator("main")).to_contain_text("@weekly")
