"""Content: put the articles, products and courses of the demo into the database."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

from django.utils import timezone
from django.utils.text import slugify

from demo.content.articles import ARTICLES
from demo.content.courses import COURSES
from demo.content.products import PRODUCTS
from demo.models import Article, Course, Product

# Former slugs of products, which an older data directory may have.
RENAMED = {"whetstone-10006000": "whetstone-1000-6000"}


def create() -> None:
    """Create the objects that are missing, by their slugs."""
    for earlier, slug in RENAMED.items():
        if not Product.objects.filter(slug=slug).exists():
            Product.objects.filter(slug=earlier).update(slug=slug)
    now = timezone.now()
    for days, (kicker, title, author, summary, body) in enumerate(ARTICLES):
        Article.objects.get_or_create(
            slug=slug_of(title),
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
            slug=slug_of(name),
            defaults={
                "name": name,
                "price": Decimal(price),
                "summary": summary,
                "description": description.strip(),
            },
        )
    for title, teacher, lessons, summary, description in COURSES:
        Course.objects.get_or_create(
            slug=slug_of(title),
            defaults={
                "title": title,
                "teacher": teacher,
                "lessons": lessons,
                "summary": summary,
                "description": description.strip(),
            },
        )


def slug_of(title: str) -> str:
    """Return the slug of ``title``, with a hyphen for a slash, which slugify would remove."""
    return slugify(title.replace("/", " "))
