<?php
// For routes/web.php and a service provider. A migration makes the table `chats`: `visit`, `tab` and `session_id` (strings;
// the first two are the primary key) and `used_at`. Register `WarmBindings` (examples/clients) as a singleton.
// In bootstrap/app.php: $exceptions->render(fn (WarmBindingsError $error) => response('', 503));

Route::get('/chat/binding', function (Request $request, WarmBindings $service) {
    abort_unless(Auth::check(), 401);
    $row = ['visit' => $request->session()->getId(), 'tab' => substr((string) $request->query('tab'), 0, 36)];
    $id = DB::table('chats')->where($row)->value('session_id');
    $binding = ($id ? $service->resume($id) : null) ?? $service->warm(['jid' => $request->user()->jid]);
    DB::table('chats')->updateOrInsert($row, ['session_id' => $binding['id'], 'used_at' => now()]);
    return response()->json($binding)->header('Cache-Control', 'no-store');
});

Event::listen(function (Logout $event) {
    $chats = DB::table('chats')->where('visit', session()->getId());
    rescue(fn () => $chats->pluck('session_id')->each(fn ($id) => app(WarmBindings::class)->end($id)));
    $chats->delete();
});

Schedule::call(fn () => DB::table('chats')->where('used_at', '<', now()->subDay())->delete())->daily();
