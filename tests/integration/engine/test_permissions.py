"""There is no way around an approval, and no verb on a workflow's runs without its permission."""

import asyncio

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group

from workflows_app import Schedule, StepContext, Workflow, errors, step
from workflows_app.models import Action
from workflows_app.models import Run as RunRow

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("execution")]


@pytest.fixture
def people():
    """Make people by the groups that they are in."""

    def make(name, *groups, **options):
        user = get_user_model().objects.create_user(name, **options)
        for group in groups:
            user.groups.add(Group.objects.get_or_create(name=group)[0])
        return user

    return make


@pytest.fixture
def kim(people):
    """Somebody in no group."""
    return people("kim")


@pytest.fixture
def fay(people):
    """Somebody in finance."""
    return people("fay", "finance")


def asking(data, ctx: StepContext):
    """Ask until there is an answer."""
    if ctx.resume_data is None:
        ctx.suspend({"about": data})
    return {"said": ctx.resume_data}


def approve(name="approve", permission="group:finance"):
    """Return a step that asks finance."""
    return step(asking, id=name, permission=permission)


def plain(name):
    """Return a step that returns its input."""
    return step(lambda data: data, id=name)


def line(name, *parts):
    """Return a committed workflow of these in a row."""
    flow = Workflow(name)
    for part in parts:
        flow.then(part)
    return flow.commit()


def answered(flow, data=1, **options):
    """Start a run, and answer all its questions as trusted code."""
    run = flow.create_run()
    run.start(data)
    while run.status == "suspended":
        run.resume("yes", step=run.result().suspended[0], **options)
    return run


def refused(run, target, actor, match="'approve'", **options):
    """Check that the actor may neither travel nor fork like this, and that nothing changed."""
    before = (run.refresh().status, run.timeline, len(run.events()), RunRow.objects.count())
    for verb in (run.time_travel, run.fork):
        with pytest.raises(errors.NotAllowedToAnswer, match=match):
            verb(target, actor=actor, wait=False, **options)
    with pytest.raises(errors.NotAllowedToAnswer, match=match):
        list(run.time_travel_stream(target, actor=actor, **options))
    plan = run.plan_time_travel(target, **options)
    with pytest.raises(errors.NotAllowedToAnswer, match=match):
        run.time_travel(target, actor=actor, plan=plan.token, **options)
    after = (run.refresh().status, run.timeline, len(run.events()), RunRow.objects.count())
    assert after == before


def allowed(run, target, actor, **options):
    """Check that a fork and a time travel by this actor succeed."""
    assert run.fork(target, actor=actor, **options).status in {"success", "suspended", "paused"}
    assert run.time_travel(target, actor=actor, **options).status in {
        "success",
        "suspended",
        "paused",
    }


# Passing over questions that were never answered.


def test_a_result_given_for_a_step_that_asks_needs_its_permission(kim, fay):
    run = line("np-given", plain("a"), approve(), plain("pay")).create_run()
    run.start(1)
    context = {"approve": {"output": {"said": "yes"}}}
    refused(run, "pay", kim, context=context)
    refused(run, "pay", kim, context={"approve": {"status": "success", "output": 1}}, per_step=True)
    allowed(run, "pay", fay, context=context)


def test_a_run_never_started_does_not_begin_behind_a_step_that_asks(kim, fay):
    flow = line("np-late", approve(), plain("b"), plain("pay"))
    for options in ({"input_data": 1}, {"context": {"b": {"output": 1}}}):
        run = flow.create_run()
        refused(run, "pay", kim, **options)
        assert run.refresh().status == "pending"
        allowed(run, "pay", fay, **options)
    first = flow.create_run()
    assert first.time_travel("approve", input_data=1, actor=kim).status == "suspended"


def test_the_state_of_the_python_caller_without_an_actor_is_trusted():
    run = line("np-trusted", approve(), plain("pay")).create_run()
    assert run.time_travel("pay", input_data=1).status == "success"
    named = line("np-named", approve(), plain("pay")).create_run()
    assert named.time_travel("pay", input_data=1, actor="a nightly job").status == "success"


@pytest.mark.parametrize(
    "options",
    [
        {"input_data": {"said": "yes"}},
        {"context": {"b": {"output": 1}}},
        {"context": {"pay": {"payload": 1}}},
        {"context": {"a": {"output": 1}}},
        {"context": {"input": 2}},
        {"initial_state": {"approved": True}},
    ],
    ids=["input", "later result", "payload", "earlier result", "run input", "state"],
)
def test_what_an_answer_was_about_or_led_to_is_not_changed_without_its_permission(
    kim, fay, options
):
    run = answered(line("np-changed", plain("a"), approve(), plain("b"), plain("pay")))
    refused(run, "pay", kim, **options)
    allowed(run, "pay", fay, **options)


def test_what_somebody_answered_is_reused_by_anybody(kim):
    run = answered(line("np-reuse", plain("a"), approve(), plain("b"), plain("pay")))
    allowed(run, "pay", kim)
    allowed(run, "pay", kim, request_context={"lang": "nl"})
    assert run.plan_time_travel("pay").permissions == {}


def test_going_back_to_a_step_that_asks_again_needs_no_permission(kim):
    run = answered(line("np-back", plain("a"), approve(), plain("pay")))
    for target in ("a", "approve"):
        allowed(run, target, kim, input_data=3)
        assert run.refresh().status == "suspended"
        run.resume("yes")


def test_the_plan_names_the_permissions_that_it_needs():
    run = answered(line("np-plan", approve(), plain("pay")))
    assert run.plan_time_travel("pay", input_data=1).permissions == {"approve": ["group:finance"]}


def test_an_answer_sent_ahead_needs_the_permission_of_the_step_that_gets_it(kim, fay):
    run = answered(line("np-ahead", plain("a"), approve(), plain("pay")))
    for target in ("a", "approve"):
        refused(run, target, kim, resume_data="yes")
        assert run.time_travel(target, resume_data="yes", actor=fay).status == "success"


# Kinds of entries.


def test_an_arm_beside_the_target_is_not_left_out(kim, fay):
    flow = Workflow("np-par").parallel([approve(), plain("b")]).then(plain("pay")).commit()
    run = flow.create_run()
    assert run.start(1).status == "suspended"
    refused(run, "b", kim)
    allowed(run, "b", fay)
    done = answered(flow)
    allowed(done, "b", kim)
    allowed(done, "b", kim, input_data=5)  # what was approved stays in the output
    allowed(done, "pay", kim, context={"b": {"output": 7}})
    refused(done, "b", kim, context={"approve": {"output": 7}})
    refused(done, "pay", kim, context={"approve": {"output": 7}})


def test_a_branch_cannot_be_entered_at_the_arm_that_nobody_approves(kim, fay):
    flow = (
        Workflow("np-branch")
        .then(plain("a"))
        .branch([(lambda d: d > 100, approve()), (lambda d: d <= 100, plain("small"))])
        .then(plain("pay"))
        .commit()
    )
    asked = flow.create_run()
    assert asked.start(700).status == "suspended"
    refused(asked, "small", kim)
    refused(asked, "small", kim, input_data=5)
    fine = answered(flow, 5)
    allowed(fine, "pay", kim)
    allowed(fine, "small", kim)
    refused(fine, "small", kim, input_data=10_000)
    refused(fine, "small", kim, initial_state={"n": 1})
    refused(fine, "small", kim, context={"a": {"output": 10_000}})
    refused(fine, "pay", kim, input_data=10_000)
    allowed(fine, "pay", kim, context={"small": {"output": 6}})
    fresh = flow.create_run()
    refused(fresh, "small", kim, input_data=5)
    refused(fresh, "pay", kim, context={"small": {"output": 6}})
    allowed(fresh, "small", fay, input_data=5)


@pytest.mark.parametrize("kind", ["foreach", "loop"])
def test_a_foreach_or_loop_whose_items_ask_is_not_replaced(kim, fay, kind):
    flow = Workflow(f"np-{kind}")
    if kind == "foreach":
        flow.foreach(approve(), id="each")
    else:
        flow.do_until(approve(), lambda d: True, id="each")
    flow = flow.then(plain("pay")).commit()
    data = [1, 2] if kind == "foreach" else 1
    fresh = flow.create_run()
    refused(fresh, "pay", kim, match="'each'", input_data=data)
    refused(fresh, "pay", kim, match="'each'", context={"each": {"output": []}})
    done = answered(flow, data)
    refused(done, "pay", kim, match="'each'", input_data=data)
    refused(done, "each", kim, match="'each'", resume_data="yes")
    allowed(done, "pay", kim)
    allowed(done, "each", kim, input_data=data)
    while done.refresh().status == "suspended":
        done.resume("yes")
    assert done.fork("each", resume_data="yes", actor=fay).status == "success"


def test_a_result_given_for_what_holds_the_step_needs_its_permission(kim, fay):
    inner = line("np-inner", approve(), plain("z"))
    flow = Workflow("np-outer").then(inner, id="in").then(plain("pay")).commit()
    run = flow.create_run()
    run.start(1)
    given = [
        {"context": {"in": {"output": 1}}},
        {"nested_steps_context": {"in": {"approve": {"output": 1}, "z": {"output": 1}}}},
        {"nested_steps_context": {"np-inner": {"z": {"output": 1}, "approve": {"output": 1}}}},
        {"context": {"in.approve": {"output": 1}, "in.z": {"output": 1}}},
    ]
    for options in given:
        refused(run, "pay", kim, match=r"'in\.approve'", **options)
    refused(run, "in.z", kim, match=r"'in\.approve'", context={"in.approve": {"output": 1}})
    done = answered(flow)
    refused(done, ["in", "z"], kim, match=r"'in\.approve'", input_data=1)
    refused(done, "pay", kim, match=r"'in\.approve'", context={"in.z": {"output": 1}})
    refused(flow.create_run(), "in.z", kim, match=r"'in\.approve'", input_data=1)
    allowed(done, "in.z", kim)
    allowed(done, "in.z", fay, input_data=1)


def test_what_is_inside_a_foreach_of_workflows_counts(kim):
    inner = line("np-item", approve(), plain("z"))
    flow = Workflow("np-items").foreach(inner, id="each").then(plain("pay")).commit()
    run = flow.create_run()
    run.start([1])
    refused(run, "pay", kim, match=r"'each\.approve'", context={"each": {"output": [1]}})


def test_what_was_skipped_before_is_not_taken_for_an_answer(kim, fay):
    run = line("np-skipped", approve(), plain("b"), plain("pay")).create_run()
    run.time_travel("b", input_data=1, actor=fay)
    refused(run, "pay", kim, input_data=2)
    refused(run, "b", kim, input_data=2)


def test_a_permission_of_a_failed_arm_that_may_fail_is_not_asked(kim):
    def broken(data):
        raise ValueError("no")

    bad = step(broken, id="approve", permission="group:finance")
    flow = Workflow("np-may-fail").parallel([bad, plain("b")], allow_failure=True).commit()
    run = flow.create_run()
    assert run.start(1).result == {"approve": None, "b": 1}
    allowed(run, "b", kim)


def test_all_the_permissions_on_the_way_are_needed(people):
    flow = line("np-two", approve("one"), approve("two", "group:board"), plain("pay"))
    run = answered(flow)
    refused(run, "pay", people("fay", "finance"), match="'two'", input_data=1)
    refused(run, "pay", people("bo", "board"), match="'one'", input_data=1)
    allowed(run, "pay", people("both", "finance", "board"), input_data=1)
    allowed(run, "two", people("eve", "finance"), input_data=1)


# Answers.


def test_an_answer_needs_the_permission_of_the_step_however_it_is_named(kim, fay):
    flow = (
        Workflow("np-answers")
        .foreach(
            step(
                lambda d, ctx: ctx.resume_data or ctx.suspend({}, resume_label=f"item-{d}"),
                id="approve",
                permission="group:finance",
            ),
            concurrency=3,
            id="each",
        )
        .commit()
    )
    run = flow.create_run()
    run.start([1, 2, 3])
    question = run.suspended_steps()[0]["suspension"]
    ways = [
        {},
        {"step": "each"},
        {"step": ["each"]},
        {"step": "each[1]"},
        {"foreach_index": 2},
        {"label": "item-2"},
        {"suspension": question},
        {"per_step": True},
        {"retry_count": 3},
    ]
    seq = run.events()[-1].seq
    for way in ways:
        with pytest.raises(errors.NotAllowedToAnswer, match="'each'"):
            run.resume("yes", actor=kim, **way)
    with pytest.raises(errors.NotAllowedToAnswer):
        list(run.resume_stream("yes", actor=kim))
    assert (run.refresh().status, run.events()[-1].seq) == ("suspended", seq)
    assert run.resume("yes", foreach_index=1, actor=fay).status == "suspended"
    assert run.resume("yes", actor=fay).result == ["yes", "yes", "yes"]
    assert not Action.objects.filter(actor=kim).exists()


def test_an_async_answer_is_asked_the_same(kim):
    run = line("np-async", approve()).create_run()
    run.start(1)

    async def answer():
        await run.aresume("yes", actor=kim)

    with pytest.raises(errors.NotAllowedToAnswer):
        asyncio.run(answer())
    assert run.refresh().status == "suspended"


def test_one_of_two_questions_is_answered_by_a_person_who_may(kim, fay):
    flow = Workflow("np-mixed").parallel([approve(), step(asking, id="other")]).commit()
    run = flow.create_run()
    run.start(1)
    with pytest.raises(errors.NotAllowedToAnswer):
        run.resume("yes", step="approve", actor=kim)
    assert run.resume("yes", step="other", actor=kim).status == "suspended"
    assert run.resume("yes", actor=fay).status == "success"


def test_a_nested_workflows_permission_is_asked_for_answers_in_it_and_not_to_start(kim, people):
    inner = Workflow("np-payroll", permission="group:payroll").then(step(asking, id="ask")).commit()
    flow = Workflow("np-hire").then(inner, id="in").then(plain("end")).commit()
    run = flow.create_run()
    assert run.start(1, actor=kim).status == "suspended"
    with pytest.raises(errors.NotAllowedToAnswer, match=r"'in\.ask'.*payroll"):
        run.resume("yes", actor=kim)
    refused(run, "end", kim, match="'in'", context={"in": {"output": 1}})
    assert run.resume("yes", actor=people("pat", "payroll")).status == "success"
    allowed(run, "end", kim)


def test_superusers_hold_every_permission_and_inactive_ones_none(people):
    run = line("np-super", approve(), plain("pay")).create_run()
    run.start(1)
    gone = people("gone", is_superuser=True, is_active=False)
    with pytest.raises(errors.NotAllowedToAnswer):
        run.resume("yes", actor=gone)
    refused(run, "pay", gone, context={"approve": {"output": 1}})
    assert run.resume("yes", actor=people("root", is_superuser=True)).status == "success"


# Code that changed meanwhile.


@pytest.mark.parametrize("is_dropped", [True, False], ids=["dropped", "added"])
def test_the_stricter_of_the_runs_code_and_todays_holds(kim, fay, is_dropped):
    before = approve() if is_dropped else approve(permission=None)
    after = approve(permission=None) if is_dropped else approve()
    old = line("np-version", before, plain("pay"))
    run = old.create_run()
    run.start(1)
    new = line("np-version", after, plain("pay"))
    run = new.get_run(run.run_id)
    with pytest.raises(errors.NotAllowedToAnswer):
        run.resume("yes", actor=kim)
    refused(run, "pay", kim, context={"approve": {"output": 1}})
    assert run.resume("yes", actor=fay).status == "success"
    refused(run, "pay", kim, input_data=1)


def test_a_workflows_permission_that_todays_code_dropped_still_counts_for_its_runs(kim, people):
    old = Workflow("np-was-closed", permission="group:closed").then(step(asking, id="ask")).commit()
    run = old.create_run()
    run.start(1)
    new = line("np-was-closed", step(asking, id="ask"))
    run = new.get_run(run.run_id)
    for verb in (run.resume, run.cancel, run.rerun, run.delete):
        with pytest.raises(errors.NotPermitted):
            verb(actor=kim)
    assert new.create_run().start(1, actor=kim).status == "suspended"
    assert run.resume("yes", actor=people("cleo", "closed")).status == "success"


# The permission of the workflow.


def closed():
    """Return a workflow for one group, with a schedule."""
    said = Schedule("0 0 1 1 *", input_data=1)
    flow = Workflow("np-closed", permission="group:closed", schedule=said)
    return flow.then(step(asking, id="ask")).then(plain("end")).commit()


def paused(flow):
    """Return a paused run."""
    run = flow.create_run()
    run.start(1, per_step=True)
    return run


VERBS = {
    "start": lambda flow, run, **by: flow.create_run().start(1, **by),
    "stream": lambda flow, run, **by: list(flow.create_run().stream(1, **by)),
    "resume": lambda flow, run, **by: run.resume("yes", **by),
    "resume stream": lambda flow, run, **by: list(run.resume_stream("yes", **by)),
    "cancel": lambda flow, run, **by: run.cancel(**by),
    "rerun": lambda flow, run, **by: run.rerun(**by),
    "fork": lambda flow, run, **by: run.fork("ask", **by),
    "time travel": lambda flow, run, **by: run.time_travel("ask", **by),
    "travel stream": lambda flow, run, **by: list(run.time_travel_stream("ask", **by)),
    "delete": lambda flow, run, **by: run.delete(**by),
    "restart": lambda flow, run, **by: run.restart(**by),
    "retry": lambda flow, run, **by: run.retry(**by),
    "proceed": lambda flow, run, **by: run.proceed(**by),
    "trigger": lambda flow, run, **by: flow.schedules()[0].run_now(**by),
    "pause": lambda flow, run, **by: flow.schedules()[0].pause(**by),
    "unpause": lambda flow, run, **by: flow.schedules()[0].unpause(**by),
}


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_needs_the_permission_of_the_workflow(verb, kim, people):
    flow = closed()
    run = flow.create_run()
    run.start(1)
    row, events, count = run.refresh()._row, len(run.events()), RunRow.objects.count()
    made = verb in {"start", "stream"}
    with pytest.raises(errors.NotPermitted, match="'closed'"):
        VERBS[verb](flow, run, actor=kim)
    assert run.refresh()._row.revision == row.revision
    assert (len(run.events()), RunRow.objects.count()) == (events, count + made)
    assert not Action.objects.exists()
    try:
        VERBS[verb](flow, run, actor=people("cleo", "closed"))
    except (errors.RunNotActive, errors.RunNotFailed, errors.RunNotPaused):
        pass  # its state refuses it, the workflow does not
    finally:
        flow.schedules()[0].unpause()
