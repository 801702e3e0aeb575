"""Release check: checks the real files of a package in parallel, and reports what is left to do."""

from pathlib import Path
from typing import Any, Final

from pydantic import BaseModel, ConfigDict, Field

from workflows_app import StepContext, Workflow, errors, from_init, from_step, get_workflow, step
from workflows_app.demo import code_checks, folder_lock, source_tree
from workflows_app.demo.code_checks import Coverage, FileSize, Places
from workflows_app.demo.source_tree import Tree

#: A run with one of these statuses no longer gives its lock back.
OVER: Final = frozenset({"success", "failed", "canceled"})


class Target(BaseModel):
    """What to check, and what is good enough."""

    model_config = ConfigDict(str_strip_whitespace=True)

    where: str = Field(
        "workflows_app",
        title="Folder or package",
        description="A path in the project, or the name of a package that can be imported. "
        "Hidden folders, migrations and what is installed in it are left out",
        min_length=1,
        max_length=200,
    )
    least_documented: float = Field(
        90,
        title="Docstrings, in percent",
        description="How many of the modules, classes and functions that are public need one",
        ge=0,
        le=100,
    )
    most_lines: int = Field(
        500,
        title="Lines in a file",
        description="A file may have as many as that",
        ge=1,
        le=100_000,
    )


class Findings(BaseModel):
    """What the checks found, and what was asked for."""

    wanted: Target
    file_count: int
    syntax: Places
    too_long: Places
    markers: Places
    coverage: Coverage
    largest: list[FileSize]


class Verdict(BaseModel):
    """Whether the code may be released, and each reason why not."""

    is_ready: bool
    reasons: list[str]
    findings: Findings


class Report(BaseModel):
    """The result of a check: one sentence, and what is left to do."""

    is_ready: bool
    summary: str
    work: list[str] = []
    largest: list[FileSize] = []


@step
def find_files(target: Target) -> Tree:
    """Find the Python files of the folder or package; nothing is imported."""
    return source_tree.read_tree(source_tree.locate(target.where))


@step(retries=6, retry_delay=0.2, retry_backoff=2)
def take_lock(tree: Tree, ctx: StepContext) -> Tree:
    """Take the lock of the folder; an attempt fails while another run holds it, and is retried."""
    folder_lock.take(folder_lock.lock_of(tree.folder), ctx.run_id, is_alive)
    return tree


def is_alive(run_id: str) -> bool:
    """Return whether a run of this workflow is still going."""
    try:
        return get_workflow("release-check").get_run(run_id).status not in OVER
    except errors.RunNotFound:
        return False


# Retried because other threads may parse, too, which can fail in Python 3.11.
@step(retries=2, retry_delay=0.1)
def check_syntax(tree: Tree) -> Places:
    """Let Python read every file."""
    return code_checks.syntax_errors(tree)


@step
def check_length(tree: Tree, ctx: StepContext) -> Places:
    """Find files with too many lines."""
    return code_checks.long_files(tree, Target.model_validate(ctx.get_init_data()).most_lines)


@step
def find_markers(tree: Tree) -> Places:
    """Find comments about work that is still to be done."""
    return code_checks.markers(tree)


@step(retries=2, retry_delay=0.1)
def measure_docstrings(tree: Tree) -> Coverage:
    """Count the modules, classes and functions that have a docstring."""
    return code_checks.docstring_coverage(tree)


@step
def find_largest(tree: Tree) -> list[FileSize]:
    """List the longest files."""
    return code_checks.largest_files(tree)


@step
def judge(findings: Findings) -> Verdict:
    """Compare what was found with what was asked for."""
    wanted, percent = findings.wanted, findings.coverage.percent
    reasons = []
    if findings.syntax.count:
        reasons.append(f"{_counted(findings.syntax.count, 'file')} with a syntax error")
    if findings.too_long.count:
        reasons.append(
            f"{_counted(findings.too_long.count, 'file')} with more than {wanted.most_lines} lines"
        )
    if findings.markers.count:
        reasons.append(f"{_counted(findings.markers.count, 'comment')} about work still to be done")
    if percent < wanted.least_documented:
        reasons.append(f"{percent} % documented, less than {wanted.least_documented:g} %")
    return Verdict(is_ready=not reasons, reasons=reasons, findings=findings)


@step
def sign_off(verdict: Verdict) -> Report:
    """Say that the code is ready."""
    findings = verdict.findings
    return Report(
        is_ready=True,
        summary=(
            f"{findings.wanted.where} is ready: {_counted(findings.file_count, 'file')}, "
            f"{findings.coverage.percent} % documented."
        ),
        largest=findings.largest,
    )


@step
def list_work(verdict: Verdict) -> Report:
    """List what keeps the code from being ready, place by place."""
    findings = verdict.findings
    missing = findings.coverage.missing.shown
    is_undocumented = findings.coverage.percent < findings.wanted.least_documented
    return Report(
        is_ready=False,
        summary=f"{findings.wanted.where} needs work: {'; '.join(verdict.reasons)}.",
        work=[
            *findings.syntax.shown,
            *findings.too_long.shown,
            *findings.markers.shown,
            *(f"{place} has no docstring" for place in missing if is_undocumented),
        ],
        largest=findings.largest,
    )


def is_ready(verdict: dict[str, Any]) -> bool:
    """Return whether the code is ready."""
    return bool(verdict["is_ready"])


def needs_work(verdict: dict[str, Any]) -> bool:
    """Return whether the code needs work."""
    return not verdict["is_ready"]


def give_lock_back(info: Any) -> None:
    """Remove the run's lock, whatever the outcome."""
    found = info.steps.get("find_files")
    if found is not None and found.output is not None:
        folder_lock.give_back(folder_lock.lock_of(Path(found.output["folder"])), info.run_id)


def _counted(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


release_check = (
    Workflow(
        "release-check",
        input=Target,
        output=Report,
        title="Release check",
        description=(
            "Reads the Python files of a package and says whether they are ready to go out: "
            "syntax, length, open ends and docstrings. Runs on one folder take turns."
        ),
        on_finish=give_lock_back,
    )
    .then(find_files)
    .then(take_lock)
    .parallel(
        [check_syntax, check_length, find_markers, measure_docstrings, find_largest], id="checks"
    )
    .map(
        {
            "wanted": from_init(),
            "file_count": lambda _, ctx: len(ctx.get_step_result("find_files")["files"]),
            "syntax": from_step(check_syntax),
            "too_long": from_step(check_length),
            "markers": from_step(find_markers),
            "coverage": from_step(measure_docstrings),
            "largest": from_step(find_largest),
        },
        id="findings",
    )
    .then(judge)
    .branch([(is_ready, sign_off), (needs_work, list_work)], id="verdict")
    .map(lambda arms: next(iter(arms.values())), id="report")
    .commit()
)
