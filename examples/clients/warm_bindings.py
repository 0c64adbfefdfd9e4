"""Calls warm-bindings from a portal's backend. Python 3.8 or later, without any package. Copy this file.

    warm = WarmBindings('http://127.0.0.1:8080/warm', 'portal', 'choose-a-secret')  # of ADMIN_USERS
    binding = warm.warm(jid='alice@example.org', password='wonderland')  # jid, sid, rid, id ...
    binding = warm.resume(session_id)  # the same for another page; None: the session is over
    session = warm.session(session_id); warm.end(session_id)  # how it stands, or None; logs its user out
    for session in warm.sessions(state='quiet'): ...
    warm.end_all(jid='alice@example.org')

What may succeed a little later is tried again, `attempts` times at most, within `total_seconds`. What fails then is a
WarmBindingsError: its `code` is of docs/errors.md, or `no-answer`, or `bad-answer` of something else than the service.
"""

import base64
import http.client
import json
import random
import re
import time
import urllib.parse

LONGEST_ANSWER = 8 * 1024 * 1024
PASSING = {
    'no-answer', 'remote-connection-failed', 'remote-stream-error', 'temporary-auth-failure', 'service-full',
    'session-unreachable', 'shutting-down', 'timeout', 'too-many-requests',
}


class WarmBindingsError(Exception):
    """`detail` is for operators; the service's log has the call under `instance`; `retry_after` is in seconds."""

    def __init__(self, code, detail, status=None, instance=None, retry_after=None):
        super().__init__(f'{code}: {detail}' + (f' ({instance})' if instance else ''))
        self.code, self.detail, self.status = code, detail, status
        self.instance, self.retry_after = instance, retry_after


class WarmBindings:
    def __init__(self, url, user, secret, *, timeout_seconds=20, total_seconds=40, attempts=3):
        """`timeout_seconds`, of one attempt, are to be above the service's WARM_TIMEOUT."""
        self._url = urllib.parse.urlsplit(url)
        self._authorization = 'Basic ' + base64.b64encode(f'{user}:{secret}'.encode()).decode()
        self._timeout, self._total, self._attempts = timeout_seconds, total_seconds, attempts

    def warm(self, **parameters):
        return self._call('POST', '', parameters)

    def resume(self, session_id, **parameters):
        return self._call_session('POST', session_id, '/resume', parameters)

    def session(self, session_id):
        return self._call_session('GET', session_id)

    def end(self, session_id):
        self._call_session('DELETE', session_id)

    def sessions(self, **query):
        """All that fit, the oldest first; fetched in parts, as the loop goes on."""
        query['limit'] = 1000
        while True:
            part = self._call('GET', '/sessions?' + urllib.parse.urlencode(query))
            yield from part['sessions']
            if 'next' not in part:
                return
            query['after'] = part['next']

    def end_all(self, **query):
        return self._call('DELETE', '/sessions?' + urllib.parse.urlencode(query))

    def _call_session(self, method, session_id, path='', parameters=None):
        if not re.fullmatch(r'[\w-]{16,64}', session_id, re.ASCII):
            return None  # no session has such an id, and it must not lead to another address
        try:
            return self._call(method, f'/{session_id}{path}', parameters)
        except WarmBindingsError as error:
            if error.code in ('session-not-found', 'not-here'):
                return None
            raise

    def _call(self, method, path, parameters=None):
        body = json.dumps(parameters) if parameters else ''
        deadline = time.monotonic() + self._total
        count = 1
        while True:
            try:
                return self._exchange(method, path, body, min(self._timeout, deadline - time.monotonic()))
            except WarmBindingsError as error:
                # As long as the service asks for, or 1, 2, 4 ... seconds, and up to half as much again.
                seconds = 2 ** (count - 1) if error.retry_after is None else error.retry_after
                pause = seconds * random.uniform(1, 1.5)
                is_late = time.monotonic() + pause >= deadline
                if error.code not in PASSING or count >= self._attempts or is_late:
                    raise
            time.sleep(pause)
            count += 1

    def _exchange(self, method, path, body, seconds):
        deadline = time.monotonic() + seconds
        kind = http.client.HTTPSConnection if self._url.scheme == 'https' else http.client.HTTPConnection
        connection = kind(self._url.hostname, self._url.port, timeout=seconds)
        headers = {
            'Authorization': self._authorization,
            'Accept': 'application/json',
            'Content-Type': 'application/json',
            'Connection': 'close',
        }
        text = bytearray()
        try:
            connection.request(method, self._url.path.rstrip('/') + path, body, headers)
            response = connection.getresponse()
            length = response.length
            while length is None or len(text) < length:
                part = response.read1(65536)
                if not part:
                    break
                text += part
                if len(text) > LONGEST_ANSWER:
                    raise WarmBindingsError('bad-answer', 'The answer is too long.', response.status)
                if time.monotonic() > deadline:
                    raise TimeoutError
            if length is not None and len(text) < length:
                raise ConnectionError('the connection broke')
        except TimeoutError:
            raise WarmBindingsError('no-answer', 'The service did not answer in time.') from None
        except (OSError, http.client.HTTPException) as error:
            why = str(error) or 'the connection broke'
            raise WarmBindingsError('no-answer', f'The service did not answer: {why}.') from None
        finally:
            connection.close()
        return self._read(response, text)

    def _read(self, response, text):
        status = response.status
        if status == 204:
            return None
        try:
            answer = json.loads(text)
        except ValueError:
            answer = None
        if status == 200 and isinstance(answer, dict):
            return answer
        retry_after = response.getheader('Retry-After', '')
        retry_after = int(retry_after) if re.fullmatch('[0-9]{1,9}', retry_after) else None
        is_problem = response.getheader('Content-Type', '').startswith('application/problem+json')
        if is_problem and isinstance(answer, dict) and 'code' in answer:
            code, detail, instance = answer['code'], answer.get('detail', ''), answer.get('instance')
            raise WarmBindingsError(code, detail, status, instance, retry_after)
        if status in (429, 502, 503, 504):
            detail = f'A server in between says HTTP {status}.'
            raise WarmBindingsError('no-answer', detail, status, retry_after=retry_after)
        detail = f'HTTP {status} is not from warm-bindings: is the url that of its /warm?'
        raise WarmBindingsError('bad-answer', detail, status)
