<?php
require 'chats.php';

session_start();
if (!isset($_SESSION['user'])) exit(http_response_code(401));
header('Content-Type: application/json');
header('Cache-Control: no-store');
try {
    $tab = substr((string) filter_input(INPUT_GET, 'tab'), 0, 36);
    echo json_encode(chat_binding($service, $tab, ['jid' => 'alice@example.org', 'password' => 'wonderland']));
} catch (WarmBindingsError $error) {
    error_log($error->getMessage());
    http_response_code(503);
}
