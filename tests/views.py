from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render

from tests.blog.models import Article


def article_list(request: HttpRequest) -> HttpResponse:
    return render(request, "articles.html", {"articles": Article.objects.order_by("pk")})


def article(request: HttpRequest, pk: int) -> HttpResponse:
    return render(request, "article.html", {"article": get_object_or_404(Article, pk=pk)})
