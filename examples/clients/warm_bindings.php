<?php
/*
 * Calls warm-bindings from a portal's backend. PHP 8, without any extension. Copy this file.
 *
 *   $warm = new WarmBindings('http://127.0.0.1:8080/warm', 'portal', 'choose-a-secret'); // of ADMIN_USERS
 *   $binding = $warm->warm(['jid' => 'alice@example.org', 'password' => 'wonderland']);  // jid, sid, rid, id …
 *   $binding = $warm->resume($id);                      // the same for another page; null: the session is over
 *   $session = $warm->session($id); $warm->end($id);    // how it stands, or null; logs its user out
 *   foreach ($warm->sessions(['state' => 'quiet']) as $session) …   $warm->endAll(['jid' => 'alice@example.org']);
 *
 * What may succeed a little later is tried again, `attempts` times at most, within `totalSeconds`. What fails then is
 * a WarmBindingsError: its getCode() is of docs/errors.md, or `no-answer`, or `bad-answer` of something else than the service.
 */

final class WarmBindingsError extends RuntimeException
{
    /** `$detail` is for operators; the service's log has the call under `$instance`; `$retryAfter` is in seconds. */
    public function __construct(
        string $code,
        public string $detail,
        public ?int $status = null,
        public ?string $instance = null,
        public ?int $retryAfter = null,
    ) {
        parent::__construct("$code: $detail" . ($instance === null ? '' : " ($instance)"));
        $this->code = $code; // a word, as PDOException has it
    }
}

final class WarmBindings
{
    private const LONGEST_ANSWER = 8 * 1024 * 1024;
    private const PASSING = [
        'no-answer', 'remote-connection-failed', 'remote-stream-error', 'temporary-auth-failure', 'service-full',
        'session-unreachable', 'shutting-down', 'timeout', 'too-many-requests',
    ];
    private string $authorization;

    /** `$timeoutSeconds`, of one attempt, are to be above the service's WARM_TIMEOUT. */
    public function __construct(
        private string $url,
        string $user,
        #[\SensitiveParameter] string $secret,
        private float $timeoutSeconds = 20,
        private float $totalSeconds = 40,
        private int $attempts = 3,
    ) {
        $this->url = rtrim($url, '/');
        $this->authorization = 'Basic ' . base64_encode("$user:$secret");
    }

    public function warm(#[\SensitiveParameter] array $parameters): array
    {
        return $this->call('POST', '', $parameters);
    }

    public function resume(string $id, array $parameters = []): ?array
    {
        return $this->callSession('POST', $id, '/resume', $parameters);
    }

    public function session(string $id): ?array
    {
        return $this->callSession('GET', $id);
    }

    public function end(string $id): void
    {
        $this->callSession('DELETE', $id);
    }

    /** All that fit, the oldest first; fetched in parts, as the loop goes on. */
    public function sessions(array $filter = []): Generator
    {
        do {
            $part = $this->call('GET', '/sessions?' . http_build_query(['limit' => 1000] + $filter));
            foreach ($part['sessions'] as $session) {
                yield $session;
            }
            $filter['after'] = $part['next'] ?? null;
        } while ($filter['after'] !== null);
    }

    public function endAll(array $query): array
    {
        return $this->call('DELETE', '/sessions?' . http_build_query($query));
    }

    /** Keeps the secret out of var_dump. */
    public function __debugInfo(): array
    {
        return ['url' => $this->url];
    }

    private function callSession(string $method, string $id, string $path = '', array $parameters = []): ?array
    {
        if (!preg_match('/^[\w-]{16,64}\z/', $id)) {
            return null; // no session has such an id, and it must not lead to another address
        }
        try {
            return $this->call($method, "/$id$path", $parameters);
        } catch (WarmBindingsError $error) {
            return in_array($error->getCode(), ['session-not-found', 'not-here'], true) ? null : throw $error;
        }
    }

    private function call(string $method, string $path, #[\SensitiveParameter] array $parameters = []): ?array
    {
        $body = $parameters === [] ? '' : json_encode($parameters, JSON_THROW_ON_ERROR);
        $deadline = microtime(true) + $this->totalSeconds;
        for ($count = 1;; $count++) {
            try {
                return $this->exchange($method, $path, $body, min($this->timeoutSeconds, $deadline - microtime(true)));
            } catch (WarmBindingsError $error) {
                // As long as the service asks for, or 1, 2, 4 … seconds, and up to half as much again.
                $pause = ($error->retryAfter ?? 2 ** ($count - 1)) * (1 + mt_rand() / mt_getrandmax() / 2);
                $isLate = microtime(true) + $pause >= $deadline;
                if (!in_array($error->getCode(), self::PASSING, true) || $count >= $this->attempts || $isLate) {
                    throw $error;
                }
                usleep((int) ($pause * 1e6));
            }
        }
    }

    private function exchange(string $method, string $path, #[\SensitiveParameter] string $body, float $seconds): ?array
    {
        $deadline = microtime(true) + $seconds;
        error_clear_last();
        $stream = @fopen($this->url . $path, 'rb', false, stream_context_create(['http' => [
            'method' => $method,
            'header' => [
                "Authorization: $this->authorization",
                'Accept: application/json',
                'Content-Type: application/json',
            ],
            'content' => $body,
            'timeout' => $seconds,
            'protocol_version' => 1.0, // no chunks: PHP waits for thousands of bytes of them, however slowly they come
            'ignore_errors' => true, // an answer with an error says which
            'follow_location' => 0, // a redirection would have the credentials sent somewhere else
        ]]));
        if ($stream === false) {
            $why = preg_replace('/^.*: /s', '', error_get_last()['message'] ?? 'the connection broke');
            throw new WarmBindingsError('no-answer', "The service did not answer: $why.");
        }
        $head = implode("\n", stream_get_meta_data($stream)['wrapper_data']);
        $status = (int) substr($head, strlen('HTTP/1.1 '), 3);
        $find = fn (string $name) => preg_match("/^$name: *(\S+)/mi", $head, $found) ? $found[1] : '';
        $retryAfter = ctype_digit($find('Retry-After')) ? (int) $find('Retry-After') : null;
        $length = $find('Content-Length');
        $isWhole = fn (string $text) => $length !== '' && strlen($text) >= (int) $length;
        $text = '';
        while (!$isWhole($text) && !feof($stream)) {
            $text .= fread($stream, 65536);
            if (strlen($text) > self::LONGEST_ANSWER) {
                throw new WarmBindingsError('bad-answer', 'The answer is too long.', $status);
            }
            if (microtime(true) > $deadline) {
                throw new WarmBindingsError('no-answer', 'The service did not answer in time.');
            }
        }
        if ($length !== '' && !$isWhole($text)) {
            throw new WarmBindingsError('no-answer', 'The service did not answer: the connection broke.');
        }
        if ($status === 204) {
            return null;
        }
        $answer = json_decode($text, true);
        if ($status === 200 && is_array($answer)) {
            return $answer;
        }
        if (str_starts_with($find('Content-Type'), 'application/problem+json') && isset($answer['code'])) {
            ['code' => $code, 'detail' => $detail] = $answer + ['detail' => ''];
            throw new WarmBindingsError($code, $detail, $status, $answer['instance'] ?? null, $retryAfter);
        }
        if (in_array($status, [429, 502, 503, 504], true)) {
            $detail = "A server in between says HTTP $status.";
            throw new WarmBindingsError('no-answer', $detail, $status, retryAfter: $retryAfter);
        }
        $detail = "HTTP $status is not from warm-bindings: is the url that of its /warm?";
        throw new WarmBindingsError('bad-answer', $detail, $status);
    }
}
