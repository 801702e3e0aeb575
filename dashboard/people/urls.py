"""Signing in to the product; a project that installs the pages has a door of its own."""

from django.urls import path

from . import session

app_name = "signalbox_people"
urlpatterns = [
    path("", session.sign_in, name="sign-in"),
    path("<str:uidb64>/<str:token>/", session.sign_in_link, name="sign-in-link"),
]
