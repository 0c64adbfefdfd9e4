<?php
require 'chats.php';

session_start();
$ids = $_SESSION['chats'] ?? [];
session_destroy();
end_chats($service, $ids);
