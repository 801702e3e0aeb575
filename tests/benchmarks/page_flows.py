"""The workflows whose runs fill the pages: three steps that end in every way, and two long ones."""

from typing import Any

from workflows_app import StepContext, Workflow, step

NAMES = ("orders", "invoices", "imports", "mails", "reports", "rarities")
YEAR_SECONDS = 365 * 24 * 3600


@step
def look(data: dict[str, Any]) -> dict[str, Any]:
    """Pass on what came."""
    return data


@step
def decide(data: dict[str, Any], ctx: StepContext) -> dict[str, Any]:
    """End as the input says."""
    if data["kind"] == "failed":
        raise ValueError("The bank refused the transfer: the account is closed.")
    if data["kind"] == "suspended" and ctx.resume_data is None:
        ctx.suspend({"question": "May this be paid?", "amount": data["amount"]})
    return data


def _plain(name: str) -> Workflow:
    nap = YEAR_SECONDS
    flow = Workflow(f"pages-{name}", title=name.capitalize()).then(look).then(decide)
    return flow.sleep(lambda data: nap if data["kind"] == "waiting" else 0, id="nap").commit()


def long_chain(steps: int) -> Workflow:
    """Return a workflow of so many steps, one after the other."""
    workflow = Workflow("pages-long", title="Long")
    for number in range(steps):
        workflow.then(step(lambda data: {"n": data["n"] + 1}, id=f"s{number}"))
    return workflow.commit()


@step
def echo(item: int) -> dict[str, int]:
    """Return a small dict."""
    return {"n": item}


PLAIN = [_plain(name) for name in NAMES]
EACH = Workflow("pages-each", title="Each").foreach(echo, concurrency=50, id="each").commit()
