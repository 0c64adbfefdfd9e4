# For models.py and views.py, with WarmBindings and WarmBindingsError of examples/clients.

class Chat(models.Model):
    visit = models.CharField(max_length=40)
    tab = models.CharField(max_length=36)
    session_id = models.CharField(max_length=64)
    used_at = models.DateTimeField(auto_now=True)  # delete those of yesterday once a day

    class Meta:
        unique_together = ('visit', 'tab')


service = WarmBindings('http://127.0.0.1:8080/warm', 'portal', 'choose-a-secret')


@transaction.non_atomic_requests
def chat_binding(request):
    if not request.user.is_authenticated:
        return HttpResponse(status=401)
    row = {'visit': request.session.session_key, 'tab': request.GET.get('tab', '')[:36]}
    chat = Chat.objects.filter(**row).first()
    try:
        binding = (chat and service.resume(chat.session_id)) or service.warm(jid=request.user.jid)
    except WarmBindingsError as error:
        logger.warning('no chat: %s', error)
        return HttpResponse(status=503)
    Chat.objects.update_or_create(**row, defaults={'session_id': binding['id']})
    return JsonResponse(binding, headers={'Cache-Control': 'no-store'})


@receiver(user_logged_out)
def end_chats(request, **kwargs):
    chats = Chat.objects.filter(visit=request.session.session_key)
    try:
        for chat in chats:
            service.end(chat.session_id)
    except WarmBindingsError as error:
        logger.warning('a chat goes on: %s', error)
    chats.delete()
