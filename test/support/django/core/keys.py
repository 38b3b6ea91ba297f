"""The keys of users, courses and enrollments: numbers, or UUIDs where KEYS says so."""

import os
import uuid

from django.db import models


def key():
    if os.environ.get('KEYS') == 'uuid':
        return models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)
    return models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')
