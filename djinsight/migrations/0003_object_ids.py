import djinsight.object_ids
from django.db import migrations


def exact(model):
    field = djinsight.object_ids.ObjectIdField(max_length=200, verbose_name="object id")
    return migrations.AlterField(model, "object_id", field)


class Migration(migrations.Migration):
    """Object ids that MySQL and MariaDB compare character by character. Other databases do so already."""

    dependencies = [("djinsight", "0002_admin_indexes")]

    operations = [
        exact("olderviews"),
        exact("pageviewhour"),
        exact("pageviewlog"),
        exact("pageviewstatistics"),
        exact("pageviewsummary"),
    ]
