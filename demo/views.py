from __future__ import annotations

from django.db.models import Count, Sum
from django.db.models.functions import Coalesce
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render

from demo.models import Article, Course, Product
from djinsight.models import PageViewStatistics

MOST = 5
SPANS = ((0, "Of all time"), (7, "7 days"), (1, "Today"))


def article_list(request: HttpRequest) -> HttpResponse:
    return render(request, "demo/articles.html", {"articles": Article.objects.all()})


def article(request: HttpRequest, slug: str) -> HttpResponse:
    found = get_object_or_404(Article, slug=slug)
    more = Article.most_viewed(3, queryset=Article.objects.exclude(pk=found.pk))
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
    days = request.GET.get("days", "")
    chosen = next((each for each, _ in SPANS if str(each) == days), 0)
    totals = PageViewStatistics.objects.aggregate(views=Coalesce(Sum("total_views"), 0), pages=Count("pk"))
    context = {
        "boards": [
            (name, model.most_viewed(MOST, days=chosen or None))
            for name, model in (("Articles", Article), ("Shop", Product), ("Courses", Course))
        ],
        "spans": SPANS,
        "chosen": chosen,
        **totals,
    }
    return render(request, "demo/most_viewed.html", context)
