"""The workflows that are measured; worker processes import them too."""

from workflows_app import StepContext, Workflow, step


def _chain(name: str, length: int) -> Workflow:
    workflow = Workflow(name)
    for number in range(length):
        workflow.then(step(lambda data: {"n": data["n"] + 1}, id=f"s{number}"))
    return workflow.commit()


@step
def ask(data: dict[str, int], ctx: StepContext) -> dict[str, int]:
    """Ask once."""
    if ctx.resume_data is None:
        ctx.suspend()
    return data


@step
def echo(item: int) -> dict[str, int]:
    """Return a small dict."""
    return {"n": item}


@step
def count(data: dict[str, int]) -> dict[str, int]:
    """Count one round."""
    return {"n": data["n"] + 1}


def _nested(depth: int) -> Workflow:
    workflow = Workflow("bench-deep-0").then(count).commit()
    for level in range(1, depth):
        workflow = Workflow(f"bench-deep-{level}").then(workflow).commit()
    return workflow


EACH = Workflow("bench-each").foreach(echo, concurrency=50).commit()
LOOP = Workflow("bench-loop").do_until(count, lambda data: data["n"] % 10_000 == 0).commit()
DEEP = _nested(20)
TEN = _chain("bench-ten", 10)
THREE = _chain("bench-three", 3)
ASKS = Workflow("bench-asks").then(ask).commit()
RESTS = Workflow("bench-rests").sleep(3600).commit()
