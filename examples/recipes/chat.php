<?php
// A token for the pages of this session. Call this at the sign-in too, so that two tabs get one visit. `visit` is no
// secret: logs can contain it. It stays if session_regenerate_id() is called.
function chat_token(string $user): string
{
    $base64 = fn (string $text) => rtrim(strtr(base64_encode($text), '+/', '-_'), '=');
    $visit = $_SESSION['chat_visit'] ??= bin2hex(random_bytes(16));
    $claims = ['sub' => $user, 'aud' => 'chat', 'exp' => time() + 300, 'visit' => $visit];
    $content = $base64('{"alg":"HS256"}') . '.' . $base64(json_encode($claims));
    // php-fpm clears the environment: add the line env[CHAT_SECRET] = $CHAT_SECRET to its pool
    $secret = getenv('CHAT_SECRET') ?: throw new RuntimeException('CHAT_SECRET is not set');
    return $content . '.' . $base64(hash_hmac('sha256', $content, $secret, true));
}

/**
 * The answer of /chat/token, after session_start(). With `checkEvery`, pages call this every minute. So that sessions
 * still expire, call session_start(['read_and_close' => true]) for it, and chat_token() at the sign-in.
 */
function send_chat_token(?string $user): void
{
    if ($user === null) exit(http_response_code(401));
    foreach (['Cache-Control: no-store', 'X-Content-Type-Options: nosniff'] as $each) header($each);
    header('Content-Type: application/json');
    echo json_encode(['token' => chat_token($user)]);
}

/** Call this at the sign-out, after session_destroy(), with a token that you made before. Makes up to three calls. */
function end_chats(string $token, int $tries = 3): void
{
    // Works without allow_url_fopen. Without TLS, the address begins with tcp:.
    $socket = stream_socket_client('ssl://chat.example.org:443', timeout: 5);
    $call = "DELETE /connect HTTP/1.0\r\nHost: chat.example.org\r\nAuthorization: Bearer $token\r\n\r\n";
    $isSent = $socket && stream_set_timeout($socket, 5) && fwrite($socket, $call);
    $answer = $isSent ? stream_get_contents($socket, 4096) : '';
    if (preg_match('~^HTTP/1.. 200 ~', $answer)) return;
    $mayRetry = preg_match('~^$|^HTTP/1.. (429|50[234]) ~', $answer);
    if ($mayRetry && $tries > 1) {
        sleep(preg_match('~\nRetry-After: *(\d+)~i', $answer, $seconds) ? min((int) $seconds[1], 10) : 4 - $tries);
        end_chats($token, $tries - 1);
    } else error_log('The chats of a session did not end: ' . strtok($answer, "\r"));
}
