<?php

/** The event in this request; null if it does not come from warm-bindings, or is old. */
function chat_event(string $body): ?array
{
    $id = $_SERVER['HTTP_WEBHOOK_ID'] ?? '';
    $time = $_SERVER['HTTP_WEBHOOK_TIMESTAMP'] ?? '';
    // php-fpm clears the environment: add the line env[EVENTS_SECRET] = $EVENTS_SECRET to its pool
    $key = getenv('EVENTS_SECRET') ?: throw new RuntimeException('EVENTS_SECRET is not set');
    $expected = 'v1,' . base64_encode(hash_hmac('sha256', "$id.$time.$body", $key, true));
    $is_ours = hash_equals($expected, $_SERVER['HTTP_WEBHOOK_SIGNATURE'] ?? '');
    return $is_ours && abs(time() - (int) $time) <= 300 ? json_decode($body, true) : null;
}

$event = chat_event(file_get_contents('php://input'));
http_response_code($event === null ? 403 : 204);
