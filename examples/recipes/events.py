import base64
import hashlib
import hmac
import json
import os
import time


def chat_event(headers, body):
    """The event in a request; None if it does not come from warm-bindings, or is old."""
    sent = headers.get('webhook-timestamp', '')
    signed = f"{headers.get('webhook-id', '')}.{sent}.".encode() + body
    key = os.environ['EVENTS_SECRET'].encode()
    expected = b'v1,' + base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest())
    is_ours = hmac.compare_digest(expected, headers.get('webhook-signature', '').encode())
    return json.loads(body) if is_ours and abs(time.time() - int(sent)) <= 300 else None
