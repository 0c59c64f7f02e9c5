"""Navigation: a context processor with the addresses of the blog."""

from __future__ import annotations

from django.http import HttpRequest
from django.urls import reverse


def blog(request: HttpRequest) -> dict[str, str]:
    return {"blog_url": reverse("wagtail_serve", args=[""]), "cms_url": reverse("wagtailadmin_home")}
