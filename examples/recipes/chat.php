<?php
/** A token for the pages of this session. `visit` may appear in logs, and stays if session_regenerate_id() is called. */
function chat_token(string $user): string
{
    $base64 = fn (string $text) => rtrim(strtr(base64_encode($text), '+/', '-_'), '=');
    $visit = $_SESSION['chat_visit'] ??= bin2hex(random_bytes(16));
    $claims = ['sub' => $user, 'aud' => 'chat', 'exp' => time() + 300, 'visit' => $visit];
    $content = $base64('{"alg":"HS256"}') . '.' . $base64(json_encode($claims));
    $secret = getenv('CHAT_SECRET') ?: throw new RuntimeException('CHAT_SECRET is not set'); // php-fpm clears it
    return $content . '.' . $base64(hash_hmac('sha256', $content, $secret, true));
}

/** The answer of /chat/token, after session_start(). */
function send_chat_token(?string $user): void
{
    if ($user === null) exit(http_response_code(401));
    foreach (['Cache-Control: no-store', 'X-Content-Type-Options: nosniff'] as $each) header($each);
    header('Content-Type: application/json');
    echo json_encode(['token' => chat_token($user)]);
}

/** Call it at the sign-out, after session_destroy(), with a token from before. */
function end_chats(string $token): void
{
    $http = ['method' => 'DELETE', 'header' => "Authorization: Bearer $token", 'timeout' => 10];
    $answer = file_get_contents('https://chat.example.org/connect', false, stream_context_create(['http' => $http]));
    if ($answer === false) error_log('The chats of a session did not end.'); // a warning has the status
}
