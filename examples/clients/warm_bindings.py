"""Calls warm-bindings from a portal's backend. Python 3.8 or later, without any package. Copy this file.

    warm = WarmBindings('http://127.0.0.1:8080/warm', 'portal', 'choose-a-secret')  # of ADMIN_USERS
    binding = warm.warm(jid='alice@example.org', password='wonderland', visit=visit, tab=tab)  # jid, sid, rid, id ...
    warm.end_visit(visit)  # at sign-out
    binding = warm.resume(session_id)  # for another page; None: the session has ended
    session = warm.session(session_id); warm.end(session_id)  # its state, or None; logs the user out
    for session in warm.sessions(state='quiet'): ...
    warm.end_all(jid='alice@example.org')

`visit` names a sign-in at the portal, and `tab` a browser tab. The next call with both resumes the chat session.
With remember=True the binding has a `credential`, which later calls send instead of the password.
Retries temporary errors, at most `attempts` times within `total_seconds`. Other errors are a WarmBindingsError:
its `code` is in docs/errors.md, or `no-answer`, or `bad-answer` if another program answered.
"""

import base64
import http.client
import io
import json
import random
import re
import socket
import ssl
import time
import urllib.parse

LONGEST_ANSWER = 8 * 1024 * 1024
# Codes to retry if an answer has no `retry`.
PASSING = {
    'no-answer', 'remote-connection-failed', 'remote-stream-error', 'temporary-auth-failure', 'service-full',
    'session-unreachable', 'store-unavailable', 'shutting-down', 'timeout', 'too-many-requests',
}


class WarmBindingsError(Exception):
    """`detail` and `advice` are for operators. `retry` tells whether the same call may succeed later, after
        `retry_after` seconds if known. The service's log has the call under `instance`."""

    def __init__(self, code, detail, status=None, instance=None, retry_after=None, advice=None, retry=None):
        super().__init__(f'{code}: {detail}' + (f' ({instance})' if instance else ''))
        self.code, self.detail, self.status = code, detail, status
        self.instance, self.retry_after, self.advice = instance, retry_after, advice
        self.retry = code in PASSING if retry is None else retry


class _Connection(io.RawIOBase):
    """A connection whose operations all end by `deadline`. http.client uses it as its socket."""

    def __init__(self, url, deadline):
        self._deadline = deadline
        host, port = url.hostname, url.port or (443 if url.scheme == 'https' else 80)
        addresses = [address[:2] for *_, address in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]
        for count, address in enumerate(addresses, 1):
            try:
                self._socket = socket.create_connection(address, self._left() / (len(addresses) - count + 1))
                break
            except OSError:
                if count == len(addresses):
                    raise
        if url.scheme == 'https':
            self._socket.settimeout(self._left())
            self._socket = ssl.create_default_context().wrap_socket(self._socket, server_hostname=host)

    def _left(self):
        left = self._deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError
        return left

    def sendall(self, data):
        self._socket.settimeout(self._left())
        self._socket.sendall(data)

    def makefile(self, _mode):
        return io.BufferedReader(self)

    def readable(self):
        return True

    def readinto(self, buffer):
        self._socket.settimeout(self._left())
        return self._socket.recv_into(buffer)

    def close(self):
        pass  # http.client calls `close` before it reads the body

    def end(self):
        self._socket.close()


class WarmBindings:
    def __init__(self, url, user, secret, *, timeout_seconds=20, total_seconds=40, attempts=3):
        """`timeout_seconds` of one attempt must be above the service's WARM_TIMEOUT."""
        self._url = urllib.parse.urlsplit(url)
        self._authorization = 'Basic ' + base64.b64encode(f'{user}:{secret}'.encode()).decode()
        self._timeout, self._total, self._attempts = timeout_seconds, total_seconds, attempts

    def warm(self, **parameters):
        return self._call('POST', '', _is_binding, parameters)

    def resume(self, session_id, **parameters):
        return self._call_session('POST', session_id, '/resume', _is_binding, parameters)

    def session(self, session_id):
        return self._call_session('GET', session_id, '', _is_session)

    def end(self, session_id):
        self._call_session('DELETE', session_id, '', _is_nothing)

    def sessions(self, **query):
        """The sessions that match, oldest first. The loop fetches them in parts."""
        query['limit'] = 1000
        places = set()
        while True:
            part = self._call('GET', '/sessions?' + urllib.parse.urlencode(query), _is_list)
            yield from part['sessions']
            if 'next' not in part:
                return
            if part['next'] in places:
                raise WarmBindingsError('bad-answer', 'The list of sessions does not end: `next` is repeated.')
            query['after'] = part['next']
            places.add(part['next'])

    def end_all(self, **query):
        return self._call('DELETE', '/sessions?' + urllib.parse.urlencode(query), _is_ended)

    def end_visit(self, visit):
        return self.end_all(visit=visit)

    def _call_session(self, method, session_id, path, check, parameters=None):
        if not re.fullmatch(r'[\w-]{16,64}', session_id, re.ASCII):
            return None  # no session has this id, which could change the path of the URL
        try:
            return self._call(method, f'/{session_id}{path}', check, parameters)
        except WarmBindingsError as error:
            if error.code in ('session-not-found', 'not-here'):
                return None
            raise

    def _call(self, method, path, check, parameters=None):
        body = json.dumps(parameters) if parameters else ''
        deadline = time.monotonic() + self._total
        count = 1
        while True:
            try:
                seconds = min(self._timeout, deadline - time.monotonic())
                response, text = self._exchange(method, path, body, seconds)
                return self._read(response, text, check)
            except WarmBindingsError as error:
                # The pause is Retry-After, or 1, 2, 4 ... seconds, plus up to half as much.
                seconds = 2 ** (count - 1) if error.retry_after is None else error.retry_after
                pause = seconds * random.uniform(1, 1.5)
                is_late = time.monotonic() + pause >= deadline
                if not error.retry or count >= self._attempts or is_late:
                    raise
            time.sleep(pause)
            count += 1

    def _exchange(self, method, path, body, seconds):
        deadline = time.monotonic() + seconds
        kind = http.client.HTTPSConnection if self._url.scheme == 'https' else http.client.HTTPConnection
        client = kind(self._url.hostname, self._url.port)
        connection = None
        headers = {
            'Authorization': self._authorization,
            'Accept': 'application/json',
            'Content-Type': 'application/json',
            'Connection': 'close',
        }
        text = bytearray()
        try:
            client.sock = connection = _Connection(self._url, deadline)
            client.request(method, self._url.path.rstrip('/') + path, body, headers)
            response = client.getresponse()
            length = response.length
            while length is None or len(text) < length:
                part = response.read1(65536)
                if not part:
                    break
                text += part
                if len(text) > LONGEST_ANSWER:
                    raise WarmBindingsError('bad-answer', 'The answer is too long.', response.status)
            if length is not None and len(text) < length:
                raise ConnectionError('the connection broke')
        except (TimeoutError, socket.timeout):
            raise WarmBindingsError('no-answer', 'The service did not answer in time.') from None
        except (OSError, http.client.HTTPException) as error:
            why = str(error) or 'the connection broke'
            raise WarmBindingsError('no-answer', f'The service did not answer: {why}.') from None
        finally:
            if connection:
                connection.end()
        return response, text

    def _read(self, response, text, check):
        status = response.status
        try:
            answer = None if status == 204 else json.loads(text)
        except (ValueError, RecursionError):
            answer = None
        if (status == 204 or (status == 200 and isinstance(answer, dict))) and check(answer):
            return answer
        retry_after = response.getheader('Retry-After', '')
        retry_after = int(retry_after) if re.fullmatch('[0-9]{1,9}', retry_after) else None
        is_problem = response.getheader('Content-Type', '').startswith('application/problem+json')
        if is_problem and _is_problem(answer):
            code, detail, instance = answer['code'], answer.get('detail', ''), answer.get('instance')
            advice, retry = answer.get('advice'), answer.get('retry')
            raise WarmBindingsError(code, detail, status, instance, retry_after, advice, retry)
        if status in (429, 502, 503, 504):
            detail = f'A server in between says HTTP {status}.'
            raise WarmBindingsError('no-answer', detail, status, retry_after=retry_after)
        detail = f'HTTP {status} is not from warm-bindings: is the url that of its /warm?'
        raise WarmBindingsError('bad-answer', detail, status)


def _has_texts(answer, *names):
    return isinstance(answer, dict) and all(isinstance(answer.get(name), str) for name in names)


def _is_problem(answer):
    given = {'detail': '', 'advice': '', 'retry': False, 'instance': '', **(answer if isinstance(answer, dict) else {})}
    return _has_texts(given, 'code', 'detail', 'advice', 'instance') and isinstance(given['retry'], bool)


def _is_binding(answer):
    return _has_texts(answer, 'id', 'jid', 'sid') and isinstance(answer.get('rid'), int)


def _is_session(answer):
    return _has_texts(answer, 'id')


def _is_list(answer):
    sessions = (answer or {}).get('sessions')
    if not isinstance(sessions, list) or not all(map(_is_session, sessions)):
        return False
    # An empty part has no `next`.
    return 'next' not in answer or (isinstance(answer['next'], str) and sessions != [])


def _is_ended(answer):
    return isinstance((answer or {}).get('ended'), int)


def _is_nothing(answer):
    return answer is None
