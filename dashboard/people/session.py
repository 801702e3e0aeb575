"""Signing in with a name and password or with a one-time link, and signing out."""

from django.contrib import messages
from django.contrib.auth import login, logout
from django.contrib.auth.forms import AuthenticationForm
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect, resolve_url
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST

from workflows_app.languages import gettext_lazy

from ..pages import render
from ..request import drafts
from . import signin

MODEL_BACKEND = "django.contrib.auth.backends.ModelBackend"
BAD_LINK = gettext_lazy(
    "This link no longer works: it is valid for 15 minutes and for one "
    "sign-in. Restart Signalbox for a new one, or sign in with a name and a "
    "password."
)


@never_cache
@sensitive_post_parameters("password")
@require_http_methods(["GET", "POST"])
def sign_in(request: HttpRequest) -> HttpResponse:
    """Show the sign-in form, and sign in."""
    target = _safe(request, request.POST.get("next") or request.GET.get("next") or "")
    draft = request.POST.get("draft", "")
    if request.method == "GET" and request.user.is_authenticated:
        return HttpResponseRedirect(target)
    form = AuthenticationForm(request, request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        login(request, form.get_user())
        if draft:
            drafts.keep(request, draft)
        return HttpResponseRedirect(target)
    context = {"form": form, "next": target, "draft": draft}
    return render(
        request, "dashboard/people/sign_in.html", context, status=422 if form.errors else 200
    )


@never_cache
@require_http_methods(["GET", "POST"])
def sign_in_link(request: HttpRequest, uidb64: str, token: str) -> HttpResponse:
    """Ask for confirmation, then sign in by a link. Opening the link never uses it up."""
    user = signin.check(uidb64, token)
    if user is None:
        return _no_link(request)
    if request.method == "POST":
        if not signin.use_up(user):
            return _no_link(request)
        login(request, user, backend=MODEL_BACKEND)
        return redirect("signalbox:home")
    return render(request, "dashboard/people/sign_in_link.html", {"person": user})


def _no_link(request: HttpRequest) -> HttpResponse:
    """Say that a link does not work, unless that makes no difference any more."""
    if request.user.is_authenticated:
        return redirect("signalbox:runs")
    context = {"form": AuthenticationForm(request), "next": "", "notice": BAD_LINK}
    return render(request, "dashboard/people/sign_in.html", context, status=410)


@require_POST
def sign_out(request: HttpRequest) -> HttpResponse:
    """Sign out."""
    logout(request)
    messages.info(request, gettext("You are signed out."))
    return redirect(drafts.door())


def _safe(request: HttpRequest, target: str) -> str:
    """Return where to go next: always a page of this site, whatever the address says."""
    hosts = {request.get_host()}
    fits = url_has_allowed_host_and_scheme(target, hosts, require_https=request.is_secure())
    return target if fits else resolve_url("signalbox:home")
