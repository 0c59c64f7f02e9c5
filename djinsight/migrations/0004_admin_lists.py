from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('contenttypes', '0002_remove_content_type_name'),
        ('djinsight', '0003_object_ids'),
    ]

    operations = [
        migrations.AddIndex(
            model_name='dataloss',
            index=models.Index(fields=['happened_at', 'id'], name='djinsight_losses_list'),
        ),
        migrations.AddIndex(
            model_name='dataloss',
            index=models.Index(fields=['kind', 'happened_at', 'id'], name='djinsight_losses_kind'),
        ),
        migrations.AddIndex(
            model_name='deadletter',
            index=models.Index(fields=['arrived_at', 'id'], name='djinsight_letters_list'),
        ),
        migrations.AddIndex(
            model_name='deadletter',
            index=models.Index(fields=['entry_id'], name='djinsight_letters_entry_id'),
        ),
        migrations.AddIndex(
            model_name='pageviewlog',
            index=models.Index(fields=['content_type', 'object_id', 'timestamp', 'id'], name='djinsight_log_object_list'),
        ),
        migrations.AddIndex(
            model_name='pageviewlog',
            index=models.Index(fields=['visitor', 'timestamp', 'id'], name='djinsight_log_visitor_list'),
        ),
        migrations.RemoveIndex(
            model_name='pageviewlog',
            name='djinsight_log_object_time',
        ),
        migrations.RemoveIndex(
            model_name='pageviewlog',
            name='djinsight_log_visitor',
        ),
    ]
