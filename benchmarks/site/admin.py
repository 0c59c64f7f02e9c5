from django.contrib import admin

from benchmarks.site.models import Article


@admin.register(Article)
class ArticleAdmin(admin.ModelAdmin):
    search_fields = ("title",)
