"""Runs that steps start or wait for stand under Related, in both directions."""

from typing import Any

import pytest
from django.test import Client

from tests.integration.api.conftest import Program
from workflows_app import Workflow, step, tokens
from workflows_app.models import Run


@pytest.fixture
def family(db: None) -> tuple[Run, Run]:
    """A run that has started another and waits for it."""

    def asks(data: Any, ctx: Any) -> None:
        ctx.suspend(data)

    child = Workflow("related-child").then(step(asks)).commit()

    def starts(data: Any, ctx: Any) -> Any:
        return ctx.wait_for_run(ctx.start(child, "?")).result

    Workflow("related-parent").then(step(starts)).commit().create_run("the-parent").start(None)
    return Run.objects.get(run_id="the-parent"), Run.objects.get(workflow_id="related-child")


def test_the_tab_names_both(pages: Client, family: tuple[Run, Run]) -> None:
    parent, child = family

    of_parent = pages.get("/runs/the-parent/?tab=related").content.decode()
    of_child = pages.get(f"/runs/{child.run_id}/?tab=related").content.decode()

    assert "Started by its steps" in of_parent
    assert "wait, or have waited, for the end of" in of_parent
    assert of_parent.count(f"/runs/{child.run_id}/") >= 2
    assert "Started by a step of" in of_child
    assert "awaited by steps of" in of_child
    assert parent.run_id in of_child


def test_the_parent_says_for_which_run_it_waits(pages: Client, family: tuple[Run, Run]) -> None:
    page = pages.get("/runs/the-parent/").content.decode()
    assert f"starts waits for the end of run {family[1].run_id}." in page


def test_the_api_lists_them(ana: Any, family: tuple[Run, Run]) -> None:
    program = Program(tokens.make(ana, "all")[1])
    parent, child = family

    def relations(run: Run) -> set[tuple[str, str]]:
        page = program.look(f"/runs/{run.run_id}/related").json()
        return {(each["relation"], each["run_id"]) for each in page["items"]}

    assert relations(parent) == {("child", child.run_id), ("awaited", child.run_id)}
    assert relations(child) == {("parent", parent.run_id), ("waiting", parent.run_id)}
    said = program.look(f"/runs/{parent.run_id}").json()["waiting_for"]
    assert said == "starts waits for the end of another run."
    narrow = Program(tokens.make(ana, "narrow", workflows=["related-parent"])[1])
    assert narrow.look("/runs/the-parent/related").json()["items"] == []
