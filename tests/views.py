from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.template.loader import render_to_string
from django.utils import translation

from tests.blog.models import Article

STRICT = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src {}; img-src data:; "
    "base-uri 'none'; form-action 'none'"
)


def article_list(request: HttpRequest) -> HttpResponse:
    return _strict(render(request, "articles.html", {"articles": Article.objects.order_by("pk")}))


def article(request: HttpRequest, pk: int) -> HttpResponse:
    context = {
        "article": get_object_or_404(Article, pk=pk),
        "refresh": int(request.GET.get("refresh", 30)),
        "twice": "twice" in request.GET,
        "bare": "bare" in request.GET,
    }
    response = render(request, "article.html", context)
    if "without_http" in request.GET:  # as if djinsight.urls was not included
        response.content = response.content.replace(b'data-djinsight-http="/djinsight/"', b'data-djinsight-http=""')
    # A policy with the scheme of a page, as some sites write it, permits no socket.
    return _strict(response, request.GET.get("connect-src", "'self'"))


def numbers(request: HttpRequest, pk: int) -> HttpResponse:
    context = {"article": get_object_or_404(Article, pk=pk), "period": request.GET.get("period", "week")}
    return _strict(render(request, "numbers.html", context))


def languages(request: HttpRequest) -> HttpResponse:
    """Render numbers and times in every language, or in those of ``?in=``, as parts of one page."""
    codes = request.GET.getlist("in") or [code for code, _ in settings.LANGUAGES]
    context = {"articles": list(Article.objects.order_by("pk")), "widget": "widget" in request.GET}
    parts = []
    for code in codes:
        with translation.override(code):
            parts.append(render_to_string("languages.html", {**context, "code": code}, request))
    return _strict(HttpResponse(f"<!doctype html><title>Languages</title>{''.join(parts)}"))


def _strict(response: HttpResponse, connect: str = "'self'") -> HttpResponse:
    response["Content-Security-Policy"] = STRICT.format(connect)
    return response


def site(request: HttpRequest, name: str, pk: int) -> HttpResponse:
    """Render a page of a site that uses the library ``name``."""
    context = {"article": get_object_or_404(Article, pk=pk), "articles": Article.objects.order_by("pk"), "name": name}
    if "nonce" in request.GET:
        request.csp_nonce = request.GET["nonce"]  # type: ignore[attr-defined]
    response = render(request, f"sites/{name}.html", context)
    if "policy" in request.GET:
        response["Content-Security-Policy"] = request.GET["policy"]
    return response
