"""The URLs of the report, below Wagtail's ``reports/``."""

from django.urls import path

from djinsight.wagtail.report import MostViewedPagesView

app_name = "djinsight_wagtail"
urlpatterns = [
    path("most-viewed/", MostViewedPagesView.as_view(), name="most_viewed"),
    path("most-viewed/results/", MostViewedPagesView.as_view(results_only=True), name="most_viewed_results"),
]
