"""Tasks of Django as runs: enqueued with the caller's rows, and asked for their results."""

from datetime import timedelta

import django
import pytest
from django.contrib.auth.models import Group
from django.db import transaction
from django.test import override_settings

if django.VERSION < (6, 0):
    pytest.skip("django.tasks came with Django 6.0", allow_module_level=True)

from django.tasks import TaskResultStatus, default_task_backend
from django.tasks.exceptions import InvalidTask, TaskResultDoesNotExist, TaskResultMismatch
from django.utils import timezone

from tests.integration.tasks import tasks
from tests.product import wait_until
from workflows_app import get_workflow
from workflows_app.models import Run, StepSnapshot

PATH = "workflows_app.tasks.SignalboxBackend"


@pytest.fixture(autouse=True)
def _backend():
    with override_settings(TASKS={"default": {"BACKEND": PATH, "QUEUES": ["default", "mail"]}}):
        yield


@pytest.mark.django_db
class TestWithinATestCase:
    """Where the caller runs the steps, as in any test of a host."""

    @pytest.mark.parametrize("task", [tasks.add, tasks.add_on_a_loop])
    def test_a_task_is_a_run_of_one_step(self, task):
        result = task.enqueue(1, second=2)

        assert result.status == TaskResultStatus.SUCCESSFUL
        assert (result.return_value, result.attempts) == (3, 1)
        assert result.enqueued_at <= result.started_at <= result.finished_at
        assert result.last_attempted_at == result.started_at
        assert (result.task, result.args, result.kwargs) == (task, [1], {"second": 2})
        run = get_workflow(f"task:{task.module_path}").get_run(result.id)
        assert run.status == "success"

    def test_what_is_known_of_it_can_be_asked_for(self):
        result = tasks.add.enqueue(1)
        assert tasks.add.get_result(result.id) == result
        result.refresh()
        assert result.return_value == 1
        with pytest.raises(TaskResultMismatch):
            tasks.fails.get_result(result.id)
        with pytest.raises(TaskResultDoesNotExist):
            tasks.add.get_result("123")

    @pytest.mark.parametrize(
        ("task", "path", "end"),
        [
            (tasks.fails, "workflows_app.errors.InvalidInput", "InvalidInput: no good\n"),
            (tasks.fails_plainly, "builtins.ValueError", "ValueError: line one\nline two\n"),
            (tasks.leaves, "builtins.SystemExit", "SystemExit: gone\n"),
        ],
    )
    def test_a_failure_has_its_error(self, task, path, end):
        result = task.enqueue()
        assert result.status == TaskResultStatus.FAILED
        assert [error.exception_class_path for error in result.errors] == [path]
        assert issubclass(result.errors[0].exception_class, BaseException)
        assert result.errors[0].traceback.endswith(end)
        with pytest.raises(ValueError, match="Task failed"):
            _ = result.return_value

    def test_a_result_that_is_no_json_is_a_failure(self):
        result = tasks.returns_a_function.enqueue()
        assert result.errors[0].exception_class is TypeError
        assert "Unsupported type" in result.errors[0].traceback

    def test_arguments_that_are_no_json_are_refused(self):
        with pytest.raises(TypeError, match="Unsupported type"):
            tasks.add.enqueue(timezone.now())
        assert not Run.objects.exists()

    def test_a_task_may_take_its_context(self):
        result = tasks.tells.enqueue()
        assert result.return_value == [result.id, 1, "RUNNING", []]

    def test_a_task_waits_for_its_time_and_on_its_queue(self):
        at = timezone.now() + timedelta(hours=1)
        result = tasks.add.using(run_after=at, queue_name="mail").enqueue(1)
        row = StepSnapshot.objects.get(run__run_id=result.id)
        assert (result.status, result.attempts) == (TaskResultStatus.READY, 0)
        assert (row.wake_at, row.queue, row.status) == (at, "mail", "queued")
        assert (result.task.run_after, result.task.queue_name) == (at, "mail")
        with pytest.raises(ValueError, match="has not finished"):
            _ = result.return_value

    def test_a_canceled_task_has_failed(self):
        at = timezone.now() + timedelta(hours=1)
        result = tasks.add.using(run_after=at).enqueue(1)
        get_workflow("task:tests.integration.tasks.tasks.add").get_run(result.id).cancel()
        result.refresh()
        assert result.status == TaskResultStatus.FAILED
        assert result.errors[0].exception_class.__name__ == "Canceled"

    def test_unknown_queues_are_refused(self):
        with pytest.raises(InvalidTask, match="Queue 'elsewhere' is not valid"):
            tasks.add.using(queue_name="elsewhere")

    def test_tasks_show_in_the_pages(self, admin_client):
        result = tasks.add.enqueue(1)
        page = admin_client.get(f"/runs/{result.id}/").content.decode()
        assert "task:tests.integration.tasks.tasks.add" in page
        address = "/workflows/task:tests.integration.tasks.tasks.add/"
        assert admin_client.get(address).status_code == 200

    def test_an_id_from_a_request_imports_no_module_of_others(self, admin_client):
        assert admin_client.get("/workflows/task:this.d/").status_code == 404
        assert "this" not in __import__("sys").modules


@pytest.mark.django_db(transaction=True)
class TestWithWorkers:
    """Where worker threads of the process run the steps."""

    def test_a_task_commits_with_the_callers_rows(self):
        with transaction.atomic():
            result = tasks.writes.enqueue("later")
            assert result.status == TaskResultStatus.READY
        run = get_workflow("task:tests.integration.tasks.tasks.writes").get_run(result.id)
        wait_until(lambda: run.refresh().status == "success", 20)
        assert default_task_backend.get_result(result.id).status == TaskResultStatus.SUCCESSFUL
        assert Group.objects.filter(name="later").exists()

    def test_a_task_of_a_transaction_that_is_rolled_back_never_was(self):
        with transaction.atomic():
            result = tasks.writes.enqueue("never")
            transaction.set_rollback(True)
        with pytest.raises(TaskResultDoesNotExist):
            default_task_backend.get_result(result.id)

    async def test_async_twins(self):
        result = await tasks.add.aenqueue(2, second=3)
        await result.arefresh()
        assert (await tasks.add.aget_result(result.id)).args == [2]
