"""The addresses of the pages, to be included under whatever path a project chooses.

    path("ops/", include("signalbox.dashboard.urls"))

Signing in is the project's own matter: see `LOGIN_URL`.
"""

from django.urls import URLPattern, path

from . import address_words, assets, mount
from .audit import views as audit
from .compare import views as compare
from .inbox import answer
from .inbox import views as inbox
from .overview import views as overview
from .people import session, settings, tokens
from .request import refusing
from .run import act
from .run import picture as run_picture
from .run import views as run
from .runs import views as runs
from .schedules import acts as schedule_acts
from .schedules import views as schedules
from .start import views as start
from .travel import views as travel
from .workers import views as workers
from .workflows import intake
from .workflows import picture as workflow_picture
from .workflows import views as workflows

# It knows the words of all these addresses.
refusing.register(address_words.not_understood)

app_name = mount.NAMESPACE
_patterns: list[URLPattern] = [
    path("", overview.overview, name="home"),
    path("assets/<str:version>/<str:name>", assets.asset, name="asset"),
    path("sign-out/", session.sign_out, name="sign-out"),
    path("settings/", settings.settings, name="settings"),
    path("settings/tokens/", tokens.tokens, name="tokens"),
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
    path("runs/<str:run_id>/graph.svg", run_picture.of_run, name="run-graph"),
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
        for verb in schedule_acts.ACTS
    ),
    path("audit/", audit.audit, name="audit"),
    path("audit/export.csv", audit.export, {"form": "csv"}, "audit-csv"),
    path("audit/export.json", audit.export, {"form": "json"}, "audit-json"),
    path("workers/", workers.workers, name="workers"),
    path("workflows/", workflows.workflows, name="workflows"),
    path("workflows/<str:workflow_id>/", workflows.workflow, name="workflow"),
    path(
        "workflows/<str:workflow_id>/graph.svg", workflow_picture.of_workflow, name="workflow-graph"
    ),
    path("workflows/<str:workflow_id>/intake/<slug:verb>/", intake.act, name="workflow-intake"),
    path("workflows/<str:workflow_id>/start/", start.start, name="workflow-start"),
]

for _pattern in _patterns:
    _pattern.callback = mount.page(_pattern.callback)

urlpatterns = _patterns
