from django.contrib import admin
from django.urls import include, path

urlpatterns = [path("djinsight/", include("djinsight.urls")), path("admin/", admin.site.urls)]
