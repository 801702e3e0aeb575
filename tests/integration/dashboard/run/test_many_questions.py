"""Past three questions a run's page has a table of them, with the form of one."""

import re

import pytest

from tests.integration.dashboard import flows
from tests.integration.dashboard.conftest import row_of, started
from workflows_app import StepContext, Workflow, step

YES = {"tab": "form", "data.approved": "true"}


@step(resume=flows.Decision)
def ask(number: int, ctx: StepContext) -> int:
    if ctx.resume_data is None:
        ctx.suspend({"question": f"Is number {number} right?"})
    return number


def asking(number: int):
    """Start a run that asks so many questions."""
    run = Workflow(f"many-{number}").foreach(ask, concurrency=100).commit().create_run()
    run.start(list(range(number)))
    return run


def questions_of(run):
    return list(row_of(run).steps.filter(status="suspended", kind="step").order_by("pk"))


def forms_in(page: str) -> list[str]:
    return re.findall(r'action="/runs/[^/]+/answer/([^/]+)/"', page)


@pytest.mark.parametrize("number", [1, 3])
def test_up_to_three_have_their_forms(pages, number):
    run = asking(number)

    page = pages.get(f"/runs/{run.run_id}/").content.decode()

    assert forms_in(page) == [str(each.suspension) for each in questions_of(run)]
    assert 'id="questions-asked"' not in page


def test_eighty_have_a_table_and_one_form(pages):
    run = asking(80)
    asked = questions_of(run)

    page = pages.get(f"/runs/{run.run_id}/").content.decode()

    assert forms_in(page) == [str(asked[0].suspension)]
    assert page.count('data-asks="') == 80
    assert "Is number 79 right?" in page
    assert "80 questions wait for an answer" in page


def test_a_link_opens_the_form_of_another_and_the_other_links_keep_it(pages):
    run = asking(5)
    asked = questions_of(run)
    address = f"/runs/{run.run_id}/?question={asked[3].suspension}"

    page = pages.get(address).content.decode()

    assert forms_in(page) == [str(asked[3].suspension)]
    assert page.count("autofocus") == 1
    assert f'href="?tab=data&amp;question={asked[3].suspension}" data-tab' in page
    part = pages.get(address, headers={"HX-Request": "true"}).content.decode()
    assert forms_in(part) == [str(asked[3].suspension)]


@pytest.mark.parametrize("question", ["nonsense", "%00", "0199f0a0-0000-7000-8000-000000000001"])
def test_a_question_that_nobody_asks_opens_the_first(pages, question):
    run = asking(4)

    page = pages.get(f"/runs/{run.run_id}/?question={question}").content.decode()

    assert forms_in(page) == [str(questions_of(run)[0].suspension)]


def test_an_answer_leads_to_the_next_question_and_the_last_one_to_the_run(pages):
    run = asking(3)
    first, second, third = questions_of(run)

    def sent(step):
        return pages.post(f"/runs/{run.run_id}/answer/{step.suspension}/", YES).url

    assert sent(second) == f"/runs/{run.run_id}/?question={third.suspension}"
    assert sent(third) == f"/runs/{run.run_id}/?question={first.suspension}"
    assert sent(first) == f"/runs/{run.run_id}/"


def test_an_answer_does_not_lead_to_what_others_must_answer(person):
    @step(resume=flows.Decision, permission="group:board")
    def board(number: int, ctx: StepContext) -> int:
        if ctx.resume_data is None:
            ctx.suspend({"question": "Board?"})
        return number

    run = Workflow("many-parallel").parallel([ask, board]).commit().create_run()
    run.start(1)
    mine = next(each for each in questions_of(run) if each.path == "ask")
    client = person("view_run", "resume_run")[1]

    answer = client.post(f"/runs/{run.run_id}/answer/{mine.suspension}/", YES)

    assert answer.url == f"/runs/{run.run_id}/"


def test_a_question_that_was_opened_has_the_focus_in_its_first_field(pages):
    run = started()
    item = questions_of(run)[0].suspension
    for address in (f"/inbox/?item={item}", f"/runs/{run.run_id}/?question={item}"):
        page = pages.get(address).content.decode()
        (field,) = re.findall(r"<input[^>]*autofocus[^>]*>", page)
        assert 'name="data.approved"' in field, address
    assert "autofocus" not in pages.get(f"/runs/{run.run_id}/").content.decode()


def test_a_choice_of_a_few_has_the_focus_on_its_first_button(pages):
    run = started(flows.one_of_a_few)
    page = pages.get(f"/inbox/?item={questions_of(run)[0].suspension}").content.decode()

    assert re.findall(r'<button[^>]*autofocus[^>]*value="send:(\w+)"', page) == ["ship"]
