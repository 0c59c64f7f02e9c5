import uuid

from django.db import models

from djinsight.models import PageViewStatisticsMixin


class Article(models.Model, PageViewStatisticsMixin):
    title = models.CharField(max_length=100)

    def __str__(self) -> str:
        return self.title

    def get_absolute_url(self) -> str:
        return f"/articles/{self.pk}/"


class News(Article):
    source = models.CharField(max_length=100)


class Product(PageViewStatisticsMixin, models.Model):
    id = models.UUIDField(primary_key=True, default=uuid.uuid4)
    name = models.CharField(max_length=100)

    def __str__(self) -> str:
        return self.name


class Term(PageViewStatisticsMixin, models.Model):
    word = models.CharField(primary_key=True, max_length=50)

    def __str__(self) -> str:
        return self.word


class Comment(models.Model):
    article = models.ForeignKey(Article, on_delete=models.CASCADE)
    text = models.TextField()

    def __str__(self) -> str:
        return self.text
