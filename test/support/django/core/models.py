"""The models of a Django app with courses."""

from django.contrib.auth.models import AbstractUser
from django.db import models

from core.keys import key


class User(AbstractUser):
    id = key()
    ROLES = [('student', 'Student'), ('teacher', 'Teacher'), ('admin', 'Admin')]
    role = models.CharField(max_length=10, choices=ROLES, default='student')
    phone = models.CharField(max_length=15, blank=True)
    bio = models.TextField(blank=True)
    avatar = models.FileField(upload_to='avatars/', blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)


class Category(models.Model):
    name = models.CharField(max_length=100, unique=True)
    slug = models.SlugField(unique=True)


class Course(models.Model):
    id = key()
    title = models.CharField(max_length=200)
    slug = models.SlugField(max_length=220, unique=True)
    description = models.TextField()
    short_description = models.CharField(max_length=300, blank=True)
    price = models.DecimalField(max_digits=10, decimal_places=2, default=0)
    level = models.CharField(max_length=20, default='beginner')
    language = models.CharField(max_length=50, default='English')
    duration_hours = models.PositiveIntegerField(default=0)
    thumbnail = models.FileField(upload_to='courses/', blank=True)
    status = models.CharField(max_length=20, default='draft')
    is_published = models.BooleanField(default=False)
    total_enrollments = models.PositiveIntegerField(default=0)
    rating = models.DecimalField(max_digits=3, decimal_places=2, default=0)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)
    category = models.ForeignKey(Category, on_delete=models.SET_NULL, null=True)
    instructor = models.ForeignKey(User, on_delete=models.SET_NULL, null=True)


class Enrollment(models.Model):
    id = key()
    status = models.CharField(max_length=20, default='active')
    progress = models.DecimalField(max_digits=5, decimal_places=2, default=0)
    enrolled_at = models.DateTimeField(auto_now_add=True)
    completed_at = models.DateTimeField(null=True)
    last_accessed = models.DateTimeField(auto_now=True)
    certificate_issued = models.BooleanField(default=False)
    certificate_url = models.URLField(blank=True)
    course = models.ForeignKey(Course, on_delete=models.CASCADE)
    student = models.ForeignKey(User, on_delete=models.CASCADE)

    class Meta:
        db_table = 'core_enrollments'
        unique_together = [('student', 'course')]


class Payment(models.Model):
    amount = models.DecimalField(max_digits=10, decimal_places=2)
    course = models.ForeignKey(Course, on_delete=models.CASCADE)
    user = models.ForeignKey(User, on_delete=models.CASCADE)
