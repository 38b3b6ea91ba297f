"""
Runs pieces of Python in the Django app, one after another, as "manage.py shell" does: each comes on standard input and
ends with a NUL. Answers each with what it has printed, and a NUL; an error is printed, and the next piece is run.
"""

import contextlib
import io
import os
import sys
import traceback

os.environ['DJANGO_SETTINGS_MODULE'] = 'settings'

import django  # noqa: E402

django.setup()


def pieces():
    rest = b''
    while True:
        part = os.read(0, 65536)
        if not part:
            return
        *whole, rest = (rest + part).split(b'\0')
        for piece in whole:
            yield piece.decode()


names = {}
for piece in pieces():
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        try:
            exec(piece, names)
        except Exception:
            print(traceback.format_exc())
    sys.stdout.write(printed.getvalue() + '\0')
    sys.stdout.flush()
