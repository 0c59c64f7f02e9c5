from django.urls import include, path

urlpatterns = [path("hitcount/", include("hitcount.urls", namespace="hitcount"))]
