"""The settings of a Django app with courses, on the database that DJANGO_DATABASE describes as JSON."""

import json
import os

DATABASES = {'default': json.loads(os.environ['DJANGO_DATABASE'])}
INSTALLED_APPS = ['django.contrib.contenttypes', 'django.contrib.auth', 'core']
AUTH_USER_MODEL = 'core.User'
DEFAULT_AUTO_FIELD = 'django.db.models.BigAutoField'
SECRET_KEY = 'for tests'
USE_TZ = True
