from django.core.management.base import BaseCommand

from core.models import Course, Enrollment


class Command(BaseCommand):
    help = 'Sets total_enrollments of all courses.'

    def handle(self, *args, **options):
        updated = 0
        for course in Course.objects.all():
            count = Enrollment.objects.filter(course=course).count()
            if course.total_enrollments != count:
                course.total_enrollments = count
                course.save(update_fields=['total_enrollments'])
                updated += 1
        self.stdout.write(f'Updated {updated} course(s).')
