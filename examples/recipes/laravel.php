<?php
// app/Http/Controllers/ChatController.php for Laravel 8 and newer, tried with 8.83. In routes/web.php, with sessions:
//   Route::get('/chat/token', [ChatController::class, 'token']);
// In config/services.php: 'chat' => ['secret' => env('CHAT_SECRET')]
namespace App\Http\Controllers;

use Illuminate\Http\{JsonResponse, Request};
use Illuminate\Support\Facades\{Http, Log};
use Illuminate\Support\Str;
use Throwable;

class ChatController
{
    /** With `checkEvery`, pages call this every minute, which extends the session: store the last action yourself. */
    public function token(Request $request): JsonResponse
    {
        abort_if($request->user() === null, 401);
        $headers = ['Cache-Control' => 'no-store', 'X-Content-Type-Options' => 'nosniff'];
        return response()->json(['token' => self::tokenFor($request)], 200, $headers);
    }

    /** Call this at the sign-in too, so that two tabs get one visit. It stays if the session is regenerated. */
    public static function tokenFor(Request $request): string
    {
        $session = $request->session();
        if (!$session->has('chat_visit')) $session->put('chat_visit', Str::random(32));
        $base64 = fn (string $text) => rtrim(strtr(base64_encode($text), '+/', '-_'), '=');
        $claims = ['sub' => $request->user()->username, 'aud' => 'chat', 'exp' => time() + 300];
        $claims['visit'] = $session->get('chat_visit');
        $content = $base64('{"alg":"HS256"}') . '.' . $base64(json_encode($claims));
        return $content . '.' . $base64(hash_hmac('sha256', $content, config('services.chat.secret'), true));
    }

    /** Call this at the sign-out, after the session is invalidated, with a token that you made before. */
    public static function end(string $token): void
    {
        foreach ([1, 2, 0] as $pause) {
            try {
                $answer = Http::withToken($token)->timeout(5)->delete('https://chat.example.org/connect');
                if ($answer->successful()) return;
                [$fault, $wanted] = [$answer->status(), $answer->header('Retry-After')];
            } catch (Throwable $error) {
                [$fault, $wanted] = [$error->getMessage(), ''];
            }
            if ($pause === 0 || is_int($fault) && !in_array($fault, [429, 502, 503, 504])) break;
            sleep(ctype_digit($wanted) ? min((int) $wanted, 10) : $pause);
        }
        Log::error("The chats of a session did not end: $fault");
    }
}
