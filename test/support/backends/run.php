<?php
// Makes the calls that it reads, with the client of the file that it is given, and prints what came of them.
require $argv[1];

$about = json_decode(stream_get_contents(STDIN), true);
['url' => $url, 'user' => $user, 'secret' => $secret, 'limits' => $limits] = $about;
$warm = new WarmBindings($url, $user, $secret, ...$limits);
$outcomes = [];
foreach ($about['calls'] as $call) {
    $name = array_shift($call);
    try {
        $result = $warm->$name(...$call);
        $outcomes[] = ['result' => $result instanceof Traversable ? iterator_to_array($result) : $result];
    } catch (WarmBindingsError $error) {
        $told = ['code' => $error->getCode()];
        foreach (['detail', 'advice', 'retry', 'status', 'instance', 'retryAfter'] as $field) {
            $told[$field] = $error->$field;
        }
        $shown = $error . print_r($error->getTrace(), true) . print_r($warm, true);
        $outcomes[] = ['error' => $told, 'shown' => $shown];
    }
}
echo json_encode($outcomes, JSON_THROW_ON_ERROR);
