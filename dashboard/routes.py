"""The addresses of the pages and of the live connections."""

from typing import Any

from django.urls import path, re_path

from dashboard import consumers
from dashboard.views import (
    act,
    answer,
    audit,
    compare,
    graph,
    inbox,
    overview,
    run,
    runs,
    schedules,
    session,
    settings,
    start,
    travel,
    workers,
    workflows,
)

urlpatterns = [
    path("", overview.overview, name="home"),
    path("sign-in/", session.sign_in, name="sign-in"),
    path("sign-in/<str:uidb64>/<str:token>/", session.sign_in_link, name="sign-in-link"),
    path("sign-out/", session.sign_out, name="sign-out"),
    path("settings/", settings.settings, name="settings"),
    path("inbox/", inbox.inbox, name="inbox"),
    path("inbox/count/", inbox.count, name="inbox-count"),
    path("inbox/<uuid:suspension>/claim/", inbox.claim, name="inbox-claim"),
    path("inbox/<uuid:suspension>/release/", inbox.release, name="inbox-release"),
    path("inbox/<uuid:suspension>/take-over/", inbox.take_over, name="inbox-take-over"),
    path("inbox/<uuid:suspension>/later/", inbox.put_off, name="inbox-later"),
    path("inbox/<uuid:suspension>/again/", inbox.show_again, name="inbox-again"),
    path("runs/", runs.runs, name="runs"),
    path("runs/compare/", compare.compare, name="run-compare"),
    path("runs/<str:run_id>/", run.run, name="run"),
    path("runs/<str:run_id>/steps/<path:path>/", run.step, name="run-step"),
    path("runs/<str:run_id>/events/", run.events, name="run-events"),
    path("runs/<str:run_id>/log/", run.log_page, name="run-log"),
    path("runs/<str:run_id>/time-travel/", travel.travel, name="run-travel"),
    path("runs/<str:run_id>/time-travel/value/", travel.value, name="run-travel-value"),
    path("runs/<str:run_id>/answer/<uuid:suspension>/", answer.answer, name="run-answer"),
    path("runs/<str:run_id>/raw/<slug:field>/", run.raw_run, name="raw-run"),
    path("runs/<str:run_id>/raw/<int:step>/<slug:field>/", run.raw_step, name="raw-step"),
    path("runs/<str:run_id>/values/<slug:field>/", run.value_of_run, name="value-run"),
    path("runs/<str:run_id>/values/<int:step>/<slug:field>/", run.value_of_step, name="value-step"),
    path("runs/<str:run_id>/graph.svg", graph.of_run, name="run-graph"),
    path("runs/<str:run_id>/<slug:name>/", act.act, name="run-act"),
    path("schedules/", schedules.schedules, name="schedules"),
    path("schedules/<str:schedule_id>/", schedules.schedule, name="schedule"),
    *(
        path(
            f"schedules/<str:schedule_id>/{verb}/",
            schedules.act,
            {"verb": verb},
            f"schedule-{verb}",
        )
        for verb in ("pause", "unpause", "trigger")
    ),
    path("audit/", audit.audit, name="audit"),
    path("audit/export.csv", audit.export, {"form": "csv"}, "audit-csv"),
    path("audit/export.json", audit.export, {"form": "json"}, "audit-json"),
    path("workers/", workers.workers, name="workers"),
    path("workflows/", workflows.workflows, name="workflows"),
    path("workflows/<str:workflow_id>/", workflows.workflow, name="workflow"),
    path("workflows/<str:workflow_id>/graph.svg", graph.of_workflow, name="workflow-graph"),
    path("workflows/<str:workflow_id>/start/", start.start, name="workflow-start"),
]

# Django's `path` is typed for views; Channels routes its own applications through it.
_run_socket: Any = consumers.RunConsumer.as_asgi()
_feed_socket: Any = consumers.FeedConsumer.as_asgi()
_no_socket: Any = consumers.NowhereConsumer.as_asgi()

websocket_urlpatterns: list[Any] = [
    path("ws/runs/<str:run_id>/", _run_socket),
    path("ws/feed/", _feed_socket),
    re_path("", _no_socket),
]
