from django.apps import AppConfig


class DemoCmsConfig(AppConfig):
    name = "demo.cms"
    label = "demo_cms"
    verbose_name = "The Allotment's blog"
    default_auto_field = "django.db.models.BigAutoField"
