from django.contrib import admin

from tests.blog.models import Article


@admin.register(Article)
class ArticleAdmin(admin.ModelAdmin):
    list_display = ("title", "total_views")
    search_fields = ("title",)
