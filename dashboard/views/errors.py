"""The page for a form whose token does not fit: it says so, and shows what was typed."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

LEFT_OUT = frozenset({"csrfmiddlewaretoken", "password", "draft", "op", "tab", "run_key", "next"})


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    """Tell what happened, and let nothing be lost: the texts are there to be copied."""
    typed = [
        (name.removeprefix("data."), value)
        for name, values in request.POST.lists()
        for value in values
        if name not in LEFT_OUT and ":" not in name and value
    ]
    context = {"typed": typed, "back": request.path, "reason": reason}
    return render(request, "403_csrf.html", context, status=403)
