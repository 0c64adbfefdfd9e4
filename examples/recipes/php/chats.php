<?php
require 'warm_bindings.php';

$service = new WarmBindings('http://127.0.0.1:8080/warm', 'portal', 'choose-a-secret');

/** What the page attaches with; `$tab` is the tab's name. */
function chat_binding(WarmBindings $service, string $tab, array $credentials): array
{
    $id = $_SESSION['chats'][$tab] ?? null;
    session_write_close(); // other requests of this visit need not wait
    $binding = ($id === null ? null : $service->resume($id)) ?? $service->warm($credentials);
    session_start();
    unset($_SESSION['chats'][$tab]); // the one used last stands last
    $_SESSION['chats'][$tab] = $binding['id'];
    $_SESSION['chats'] = array_slice($_SESSION['chats'], -20, preserve_keys: true);
    return $binding;
}

function end_chats(WarmBindings $service, array $ids): void
{
    try {
        foreach ($ids as $id) $service->end($id);
    } catch (WarmBindingsError $error) {
        error_log($error->getMessage()); // they end by themselves, BOSH_INACTIVITY seconds after their pages have gone
    }
}
