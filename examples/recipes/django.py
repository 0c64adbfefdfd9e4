# For views.py. `jwt` is PyJWT: python3-jwt in Debian.

def chat_token(request):
    """A token for the pages of this session. `visit` may appear in logs, so it is a hash."""
    visit = hashlib.sha256(request.session.session_key.encode()).hexdigest()
    claims = {'sub': request.user.get_username(), 'aud': 'chat', 'exp': int(time.time()) + 300, 'visit': visit}
    return jwt.encode(claims, settings.CHAT_SECRET, 'HS256')


def send_chat_token(request):  # path('chat/token', send_chat_token)
    if not request.user.is_authenticated:
        return HttpResponse(status=401)
    return HttpResponse(chat_token(request), 'text/plain', headers={'Cache-Control': 'no-store'})


@receiver(user_logged_out)
def end_chats(request, user, **kwargs):
    if user is None:
        return
    headers = {'Authorization': 'Bearer ' + chat_token(request)}
    try:
        urlopen(Request('https://chat.example.org/connect', method='DELETE', headers=headers), timeout=10).close()
    except OSError as error:
        logger.warning('The chats of a session did not end: %s', error)
