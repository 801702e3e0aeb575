"""The pages of errors: what may not be seen, what is not there, and a form that is too old."""

from django.http import HttpRequest, HttpResponse

from ..pages import render

LEFT_OUT = frozenset({"csrfmiddlewaretoken", "password", "draft", "op", "tab", "run_key", "next"})


def not_allowed(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Say what a person would need for a page."""
    context = {"exception": str(exception)}
    return render(request, "dashboard/errors/403.html", context, status=403)


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Say what is not there."""
    said = exception.args[0] if exception.args else ""
    # Django's own says which addresses it tried, which is nothing for whoever asked.
    context = {"exception": said if isinstance(said, str) else ""}
    return render(request, "dashboard/errors/404.html", context, status=404)


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    """Say that a form's token is invalid, and show what was typed, so that it can be copied."""
    typed = [
        (name.removeprefix("data."), value)
        for name, values in request.POST.lists()
        for value in values
        if name not in LEFT_OUT and ":" not in name and value
    ]
    context = {"typed": typed, "back": request.path, "reason": reason}
    return render(request, "dashboard/errors/csrf.html", context, status=403)
