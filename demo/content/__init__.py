"""The texts of the demo, and their way into the database."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

from django.utils import timezone
from django.utils.text import slugify

from demo.content.articles import ARTICLES
from demo.content.courses import COURSES
from demo.content.products import PRODUCTS
from demo.models import Article, Course, Product


def create() -> None:
    """Create what is not there yet, known by its slug."""
    now = timezone.now()
    for days, (kicker, title, author, summary, body) in enumerate(ARTICLES):
        Article.objects.get_or_create(
            slug=slugify(title),
            defaults={
                "title": title,
                "kicker": kicker,
                "author": author,
                "summary": summary,
                "body": body.strip(),
                "published_at": now - timedelta(days=2 * days, hours=3),
            },
        )
    for name, price, summary, description in PRODUCTS:
        Product.objects.get_or_create(
            slug=slugify(name),
            defaults={
                "name": name,
                "price": Decimal(price),
                "summary": summary,
                "description": description.strip(),
            },
        )
    for title, teacher, lessons, summary, description in COURSES:
        Course.objects.get_or_create(
            slug=slugify(title),
            defaults={
                "title": title,
                "teacher": teacher,
                "lessons": lessons,
                "summary": summary,
                "description": description.strip(),
            },
        )
