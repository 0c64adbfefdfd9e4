<?php
/*
 * Calls warm-bindings from a portal's backend. PHP 8, without any extension. Copy this file.
 *
 *   $warm = new WarmBindings('http://127.0.0.1:8080/warm', 'portal', 'choose-a-secret'); // of ADMIN_USERS
 *   $binding = $warm->warm(['jid' => 'alice@example.org', 'password' => 'wonderland',  // jid, sid, rid, id …
 *       'visit' => $visit, 'tab' => $tab]);
 *   $warm->endVisit($visit);                            // at sign-out
 *   $binding = $warm->resume($id);                      // for another page; null: the session has ended
 *   $session = $warm->session($id); $warm->end($id);    // its state, or null; logs the user out
 *   foreach ($warm->sessions(['state' => 'quiet']) as $session) …   $warm->endAll(['jid' => 'alice@example.org']);
 *
 * `visit` names a sign-in at the portal, and `tab` a browser tab. The next call with both resumes the chat session.
 * With 'remember' => true the binding has a `credential`, which later calls send instead of the password.
 * Retries temporary errors, at most `attempts` times within `totalSeconds`. Other errors are a
 * WarmBindingsError: its getCode() is in docs/errors.md, or `no-answer`, or `bad-answer` if another program answered.
 */

final class WarmBindingsError extends RuntimeException
{
    /** Codes to retry if an answer has no `retry`. */
    private const PASSING = [
        'no-answer', 'remote-connection-failed', 'remote-stream-error', 'temporary-auth-failure', 'service-full',
        'session-unreachable', 'store-unavailable', 'shutting-down', 'timeout', 'too-many-requests',
    ];
    public bool $retry;

    /**
     * `$detail` and `$advice` are for operators. `$retry` tells whether the same call may succeed later, after
     * `$retryAfter` seconds if known. The service's log has the call under `$instance`.
     */
    public function __construct(
        string $code,
        public string $detail,
        public ?int $status = null,
        public ?string $instance = null,
        public ?int $retryAfter = null,
        public ?string $advice = null,
        ?bool $retry = null,
    ) {
        $this->retry = $retry ?? in_array($code, self::PASSING, true);
        parent::__construct("$code: $detail" . ($instance === null ? '' : " ($instance)"));
        $this->code = $code; // a word, as PDOException has it
    }
}

final class WarmBindings
{
    private const LONGEST_ANSWER = 8 * 1024 * 1024;
    private string $authorization;

    /** `$timeoutSeconds` of one attempt must be above the service's WARM_TIMEOUT. */
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
        return $this->call('POST', '', 'isBinding', $parameters);
    }

    public function resume(string $id, array $parameters = []): ?array
    {
        return $this->callSession('POST', $id, '/resume', 'isBinding', $parameters);
    }

    public function session(string $id): ?array
    {
        return $this->callSession('GET', $id, '', 'isSession');
    }

    public function end(string $id): void
    {
        $this->callSession('DELETE', $id, '', 'isNothing');
    }

    /** The sessions that match, oldest first. The loop fetches them in parts. */
    public function sessions(array $filter = []): Generator
    {
        $places = [];
        for (;;) {
            $query = http_build_query(['limit' => 1000] + $filter);
            $part = $this->call('GET', "/sessions?$query", 'isList');
            foreach ($part['sessions'] as $session) {
                yield $session;
            }
            $next = $part['next'] ?? null;
            if ($next === null) {
                return;
            }
            if (isset($places[$next])) {
                throw new WarmBindingsError('bad-answer', 'The list of sessions does not end: `next` is repeated.');
            }
            $filter['after'] = $next;
            $places[$next] = true;
        }
    }

    public function endAll(array $query): array
    {
        return $this->call('DELETE', '/sessions?' . http_build_query($query), 'isEnded');
    }

    public function endVisit(string $visit): array
    {
        return $this->endAll(['visit' => $visit]);
    }

    /** Keeps the secret out of var_dump. */
    public function __debugInfo(): array
    {
        return ['url' => $this->url];
    }

    private static function isBinding(?array $answer): bool
    {
        return self::hasTexts($answer, 'id', 'jid', 'sid') && is_int($answer['rid'] ?? null);
    }

    private static function isSession(mixed $answer): bool
    {
        return self::hasTexts($answer, 'id');
    }

    private static function isList(?array $answer): bool
    {
        $sessions = $answer['sessions'] ?? null;
        if (!is_array($sessions) || count(array_filter($sessions, fn ($each) => self::isSession($each))) < count($sessions)) {
            return false;
        }
        $next = $answer['next'] ?? null;
        return $next === null || (is_string($next) && $sessions !== []); // an empty part has no `next`
    }

    private static function isEnded(?array $answer): bool
    {
        return is_int($answer['ended'] ?? null);
    }

    private static function isNothing(?array $answer): bool
    {
        return $answer === null;
    }

    private static function isProblem(mixed $answer): bool
    {
        $given = (is_array($answer) ? $answer : []) + ['detail' => '', 'advice' => '', 'retry' => false, 'instance' => ''];
        return self::hasTexts($given, 'code', 'detail', 'advice', 'instance') && is_bool($given['retry']);
    }

    private static function hasTexts(mixed $answer, string ...$names): bool
    {
        foreach ($names as $name) {
            if (!is_array($answer) || !is_string($answer[$name] ?? null)) {
                return false;
            }
        }
        return true;
    }

    private function callSession(
        string $method,
        string $id,
        string $path,
        string $check,
        #[\SensitiveParameter] array $parameters = [],
    ): ?array
    {
        if (!preg_match('/^[\w-]{16,64}\z/', $id)) {
            return null; // no session has this id, which could change the path of the URL
        }
        try {
            return $this->call($method, "/$id$path", $check, $parameters);
        } catch (WarmBindingsError $error) {
            return in_array($error->getCode(), ['session-not-found', 'not-here'], true) ? null : throw $error;
        }
    }

    private function call(
        string $method,
        string $path,
        string $check,
        #[\SensitiveParameter] array $parameters = [],
    ): ?array
    {
        $body = $parameters === [] ? '' : json_encode($parameters, JSON_THROW_ON_ERROR);
        $deadline = microtime(true) + $this->totalSeconds;
        for ($count = 1;; $count++) {
            try {
                $seconds = min($this->timeoutSeconds, $deadline - microtime(true));
                [$head, $text] = $this->exchange($method, $path, $body, $seconds);
                return self::read($head, $text, $check);
            } catch (WarmBindingsError $error) {
                // The pause is Retry-After, or 1, 2, 4 … seconds, plus up to half as much.
                $pause = ($error->retryAfter ?? 2 ** ($count - 1)) * (1 + mt_rand() / mt_getrandmax() / 2);
                $isLate = microtime(true) + $pause >= $deadline;
                if (!$error->retry || $count >= $this->attempts || $isLate) {
                    throw $error;
                }
                usleep((int) ($pause * 1e6));
            }
        }
    }

    /** Sends a request of HTTP/1.0, so that the answer is not chunked. Returns the answer's head and body. */
    private function exchange(string $method, string $path, #[\SensitiveParameter] string $body, float $seconds): array
    {
        $deadline = microtime(true) + $seconds;
        ['scheme' => $scheme, 'host' => $host, 'path' => $base] = $url = parse_url($this->url);
        $port = $url['port'] ?? ($scheme === 'https' ? 443 : 80);
        $kind = $scheme === 'https' ? 'ssl' : 'tcp';
        // PHP applies the limit twice: to the connection, and again to TLS.
        $stream = @stream_socket_client("$kind://$host:$port", $error, $why, $kind === 'ssl' ? $seconds / 2 : $seconds);
        if ($stream === false) {
            $why = preg_replace('/^.*: /s', '', $why ?: 'the TLS handshake failed');
            throw new WarmBindingsError('no-answer', "The service did not answer: $why.");
        }
        @fwrite($stream, implode("\r\n", [
            "$method $base$path HTTP/1.0",
            'Host: ' . $host . (isset($url['port']) ? ":$port" : ''),
            "Authorization: $this->authorization",
            'Accept: application/json',
            'Content-Type: application/json',
            'Content-Length: ' . strlen($body),
            'Connection: close',
            '',
            $body,
        ]));
        $text = '';
        $start = 0;
        do {
            $left = $deadline - microtime(true);
            if ($left <= 0) {
                throw new WarmBindingsError('no-answer', 'The service did not answer in time.');
            }
            stream_set_timeout($stream, (int) $left, (int) (fmod($left, 1) * 1e6) + 1);
            $before = strlen($text);
            $text .= @fread($stream, 65536);
            if (strlen($text) > self::LONGEST_ANSWER) {
                throw new WarmBindingsError('bad-answer', 'The answer is too long.', self::statusOf($text));
            }
            if ($start === 0 && ($end = strpos($text, "\r\n\r\n", max(0, $before - 3))) !== false) {
                $start = $end + 4;
                $length = self::field(substr($text, 0, $start), 'Content-Length');
            }
            $isWhole = $start > 0 && $length !== '' && strlen($text) - $start >= (int) $length;
        } while (!$isWhole && !feof($stream));
        if (!$isWhole && ($start === 0 || $length !== '')) {
            throw new WarmBindingsError('no-answer', 'The service did not answer: the connection broke.');
        }
        return [substr($text, 0, $start), substr($text, $start)];
    }

    private static function statusOf(string $head): int
    {
        return (int) substr($head, strlen('HTTP/1.1 '), 3);
    }

    private static function field(string $head, string $name): string
    {
        return preg_match("/^$name:[ \t]*(\S+)/mi", $head, $found) ? $found[1] : '';
    }

    private static function read(string $head, string $text, string $check): ?array
    {
        $status = self::statusOf($head);
        $pause = self::field($head, 'Retry-After');
        $retryAfter = preg_match('/^\d{1,9}\z/', $pause) ? (int) $pause : null;
        $answer = $status === 204 ? null : json_decode($text, true);
        if (($status === 204 || ($status === 200 && is_array($answer))) && self::$check($answer)) {
            return $answer;
        }
        $isProblem = str_starts_with(self::field($head, 'Content-Type'), 'application/problem+json');
        if ($isProblem && self::isProblem($answer)) {
            ['code' => $code, 'instance' => $instance, 'advice' => $advice, 'retry' => $retry] =
                $answer + ['instance' => null, 'advice' => null, 'retry' => null];
            throw new WarmBindingsError(
                $code, $answer['detail'] ?? '', $status, $instance, $retryAfter, $advice, $retry,
            );
        }
        if (in_array($status, [429, 502, 503, 504], true)) {
            $detail = "A server in between says HTTP $status.";
            throw new WarmBindingsError('no-answer', $detail, $status, retryAfter: $retryAfter);
        }
        $detail = "HTTP $status is not from warm-bindings: is the url that of its /warm?";
        throw new WarmBindingsError('bad-answer', $detail, $status);
    }
}
