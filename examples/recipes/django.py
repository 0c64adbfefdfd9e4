# For views.py. `jwt` is PyJWT: python3-jwt in Debian.
import logging
import secrets
import time
from urllib.request import Request, urlopen

import jwt
from django.conf import settings
from django.contrib.auth import logout
from django.http import HttpResponse, JsonResponse
from django.shortcuts import redirect

logger = logging.getLogger(__name__)


def chat_token(request):
    """A token for the pages of this session. Call this after login() too, so that two tabs get one visit."""
    visit = request.session.setdefault('chat_visit', secrets.token_hex(16))  # no secret: logs can contain it
    claims = {'sub': request.user.get_username(), 'aud': 'chat', 'exp': int(time.time()) + 300, 'visit': visit}
    return jwt.encode(claims, settings.CHAT_SECRET, 'HS256')


# With checkEvery, pages call this every minute. So that sessions still expire, do not set SESSION_SAVE_EVERY_REQUEST.
def send_chat_token(request):  # path('chat/token', send_chat_token)
    if not request.user.is_authenticated:
        return HttpResponse(status=401)
    headers = {'Cache-Control': 'no-store', 'X-Content-Type-Options': 'nosniff'}
    return JsonResponse({'token': chat_token(request)}, headers=headers)


def sign_out(request):
    token = chat_token(request) if request.user.is_authenticated else None
    logout(request)
    if token:
        end_chats(token)
    return redirect('/')


def end_chats(token):
    headers = {'Authorization': 'Bearer ' + token}
    for pause in 1, 2, 0:
        try:
            return urlopen(Request('https://chat.example.org/connect', method='DELETE', headers=headers), timeout=5).close()
        except OSError as error:  # also an answer that is no success
            if not pause or getattr(error, 'code', 503) not in (429, 502, 503, 504):
                return logger.warning('The chats of a session did not end: %s', error)
            wanted = (getattr(error, 'headers', None) or {}).get('Retry-After', '')[:9]
            time.sleep(min(int(wanted), 10) if wanted.isdecimal() else pause)
