from django.db import models

from djinsight.models import PageViewStatisticsMixin


class Article(models.Model, PageViewStatisticsMixin):
    title = models.CharField(max_length=100)

    def __str__(self) -> str:
        return self.title
