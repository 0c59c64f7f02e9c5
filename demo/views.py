from __future__ import annotations

from django.db.models import Model
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render

from demo.models import Article, Course, Product

MOST = 5


def article_list(request: HttpRequest) -> HttpResponse:
    return render(request, "demo/articles.html", {"articles": Article.objects.all()})


def article(request: HttpRequest, slug: str) -> HttpResponse:
    found = get_object_or_404(Article, slug=slug)
    more = Article.objects.exclude(pk=found.pk).order_by("-total_views", "-published_at")[:3]
    return render(request, "demo/article.html", {"article": found, "more": more})


def product_list(request: HttpRequest) -> HttpResponse:
    return render(request, "demo/products.html", {"products": Product.objects.all()})


def product(request: HttpRequest, slug: str) -> HttpResponse:
    return render(request, "demo/product.html", {"object": get_object_or_404(Product, slug=slug)})


def course_list(request: HttpRequest) -> HttpResponse:
    return render(request, "demo/courses.html", {"courses": Course.objects.all()})


def course(request: HttpRequest, slug: str) -> HttpResponse:
    return render(request, "demo/course.html", {"object": get_object_or_404(Course, slug=slug)})


def most_viewed(request: HttpRequest) -> HttpResponse:
    boards: list[tuple[str, list[Model]]] = [
        ("Articles", list(Article.objects.order_by("-total_views", "title")[:MOST])),
        ("Shop", list(Product.objects.order_by("-total_views", "name")[:MOST])),
        ("Courses", list(Course.objects.order_by("-total_views", "title")[:MOST])),
    ]
    return render(request, "demo/most_viewed.html", {"boards": boards})
