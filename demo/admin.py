from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest

from demo.models import Article, Course, Product


class Viewed(admin.ModelAdmin):
    """An admin with a column of views, by which lists are sorted like by a column of the table."""

    search_fields = ("slug",)

    @admin.display(description="Views", ordering="total_views")
    def views(self, obj: Article | Product | Course) -> int:
        return int(obj.views)  # type: ignore[union-attr]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Article | Product | Course]:
        from django.db.models import F

        return super().get_queryset(request).annotate(views=F("total_views"))


@admin.register(Article)
class ArticleAdmin(Viewed):
    list_display = ("title", "author", "published_at", "views")
    search_fields = ("title", "author")


@admin.register(Product)
class ProductAdmin(Viewed):
    list_display = ("name", "price", "views")
    search_fields = ("name",)


@admin.register(Course)
class CourseAdmin(Viewed):
    list_display = ("title", "teacher", "lessons", "views")
    search_fields = ("title", "teacher")
