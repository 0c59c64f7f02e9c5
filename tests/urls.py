from django.contrib import admin
from django.urls import include, path

from tests import views

urlpatterns = [
    path("admin/", admin.site.urls),
    path("djinsight/", include("djinsight.urls")),
    path("articles/", views.article_list),
    path("articles/<int:pk>/", views.article),
    path("languages/", views.languages),
    path("articles/<int:pk>/numbers/", views.numbers),
    path("sites/<str:name>/<int:pk>/", views.site),
]
