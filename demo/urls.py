from django.conf import settings
from django.contrib import admin
from django.urls import include, path

from demo import views

urlpatterns = [
    path("", views.article_list, name="articles"),
    path("articles/<slug:slug>/", views.article, name="article"),
    path("shop/", views.product_list, name="products"),
    path("shop/<slug:slug>/", views.product, name="product"),
    path("courses/", views.course_list, name="courses"),
    path("courses/<slug:slug>/", views.course, name="course"),
    path("most-viewed/", views.most_viewed, name="most_viewed"),
    path("djinsight/", include("djinsight.urls")),
    path("admin/", admin.site.urls),
]
if settings.CMS:
    urlpatterns.append(path("", include("demo.cms.urls")))
