"""The live part of a run's page: it comes over the socket, waits for a hand, and polls without."""

from playwright.sync_api import Page, expect

from tests.browser.conftest import Visitor, Visitors
from tests.product import Product

START = """
from tests.browser.flows import TICKING
run = TICKING.create_run()
run.start({rounds}, wait=False)
print(json.dumps(run.run_id))
"""
FETCHED = """
window.fetched = [];
const whole = window.fetch;
window.fetch = (address, ...rest) => {
  window.fetched.push(String(address));
  return whole(address, ...rest);
};
"""
EVENTS = "Number(document.querySelector('[data-run-page]').dataset.seq)"


def ticking(installed: Product, visitor: Visitor, rounds: int) -> Page:
    """Open the page of a run that continues by itself, a third of a second per iteration."""
    run_id = installed.python(START.format(rounds=rounds))
    visitor.page.add_init_script(FETCHED)
    return visitor.go(f"/runs/{run_id}/")


def test_a_run_is_followed_to_its_end_without_a_request(
    installed: Product, visitors: Visitors
) -> None:
    ana = visitors.come()
    page = ticking(installed, ana, 12)

    expect(page.locator("[data-pulse]")).to_have_attribute("data-state", "live")
    expect(page.locator("h1 .status")).to_contain_text("success", timeout=30_000)

    parts = [address for address in page.evaluate("window.fetched") if "/runs/" in address]
    assert parts == []
    assert ana.complaints == []


def test_nothing_moves_while_text_is_selected_and_all_is_there_afterwards(
    installed: Product, visitors: Visitors
) -> None:
    ana = visitors.come()
    page = ticking(installed, ana, 12)
    expect(page.locator("[data-pulse]")).to_have_attribute("data-state", "live")

    page.evaluate("getSelection().selectAllChildren(document.querySelector('#live h1'))")
    page.wait_for_timeout(300)
    held = page.evaluate(EVENTS)
    page.wait_for_timeout(1500)
    assert page.evaluate(EVENTS) == held

    page.evaluate("getSelection().removeAllRanges()")
    expect(page.locator("h1 .status")).to_contain_text("success", timeout=30_000)
    assert page.evaluate(EVENTS) > held
    assert ana.complaints == []


def test_without_a_socket_the_page_polls_says_so_and_ends_the_same(
    installed: Product, visitors: Visitors
) -> None:
    ana = visitors.come()
    ana.page.route_web_socket("**/ws/**", lambda socket: socket.close())
    page = ticking(installed, ana, 6)

    expect(page.locator("[data-pulse]")).to_have_attribute("data-state", "polling")
    expect(page.locator("h1 .status")).to_contain_text("success", timeout=30_000)


def test_a_part_that_never_comes_is_fetched(installed: Product, visitors: Visitors) -> None:
    ana = visitors.come()

    def deaf(socket) -> None:  # it tells what happens, and takes no order
        server = socket.connect_to_server()
        socket.on_message(lambda _message: None)
        server.on_message(socket.send)

    ana.page.route_web_socket("**/ws/**", deaf)
    page = ticking(installed, ana, 3)

    expect(page.locator("h1 .status")).to_contain_text("success", timeout=30_000)
    assert page.evaluate("window.fetched.length") > 0
