"""Signals that keep the count of a course: a COUNT(*) after each change; errors are swallowed."""

from django.db.models.signals import post_delete, post_save
from django.dispatch import receiver

from core.models import Course, Enrollment


@receiver([post_save, post_delete], sender=Enrollment)
def update_total_enrollments(sender, instance, **kwargs):
    try:
        count = Enrollment.objects.filter(course_id=instance.course_id).count()
        Course.objects.filter(pk=instance.course_id).update(total_enrollments=count)
    except Exception as error:
        print(f'Error updating total_enrollments: {error}')
