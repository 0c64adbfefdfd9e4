// For Program.cs of ASP.NET Core 8 and newer, with the usual names `builder` and `app`. It follows the documentation of
// Microsoft, but was never run.
using System.Net.Http.Headers;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Microsoft.AspNetCore.Authentication;
using Microsoft.AspNetCore.WebUtilities;

builder.Services.ConfigureApplicationCookie(options => // without Identity: AddCookie(options => …)
{
    // The cookie keeps the visit from the sign-in to the sign-out. The visit is no secret: logs can contain it.
    options.Events.OnSigningIn = context =>
        Task.FromResult(context.Properties.Items.TryAdd("chat_visit", Guid.NewGuid().ToString()));
    // With `checkEvery`, pages call this every minute. So that sessions still expire, this call must not renew them.
    options.Events.OnCheckSlidingExpiration = context =>
        Task.FromResult(context.ShouldRenew &= context.Request.Path != "/chat/token");
});

app.MapGet("/chat/token", async (HttpContext http) =>
{
    if (await ChatToken(http) is not { } token) return Results.Unauthorized();
    http.Response.Headers.CacheControl = "no-store";
    http.Response.Headers.XContentTypeOptions = "nosniff";
    return Results.Json(new { token });
}).AllowAnonymous();

// A token for the pages of this session. Sessions that are older than this code get none.
async Task<string?> ChatToken(HttpContext http)
{
    var session = await http.AuthenticateAsync();
    if (!session.Succeeded || session.Properties.GetString("chat_visit") is not { } visit) return null;
    var exp = DateTimeOffset.UtcNow.AddMinutes(5).ToUnixTimeSeconds();
    var claims = new { sub = session.Principal.Identity!.Name, aud = "chat", exp, visit };
    var content = Encode(new { alg = "HS256" }) + "." + Encode(claims);
    var secret = Encoding.UTF8.GetBytes(app.Configuration["CHAT_SECRET"]!); // also from the environment
    return content + "." + WebEncoders.Base64UrlEncode(HMACSHA256.HashData(secret, Encoding.UTF8.GetBytes(content)));
    string Encode(object part) => WebEncoders.Base64UrlEncode(JsonSerializer.SerializeToUtf8Bytes(part));
}

// Call this at the sign-out, after SignOutAsync(), with a token that you made before. Makes up to three calls.
async Task EndChats(string token)
{
    using var client = new HttpClient { Timeout = TimeSpan.FromSeconds(5) };
    client.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", token);
    foreach (var pause in new[] { 1, 2, 0 })
    {
        HttpResponseMessage? answer = null; // no answer in time
        try { answer = await client.DeleteAsync("https://chat.example.org/connect"); }
        catch (Exception error) when (error is HttpRequestException or TaskCanceledException) { }
        if (answer?.IsSuccessStatusCode == true) return;
        if (pause == 0 || (int?)answer?.StatusCode is not (null or 429 or 502 or 503 or 504))
        {
            app.Logger.LogError("The chats of a session did not end: {Status}", answer?.StatusCode);
            return;
        }
        var wanted = answer?.Headers.RetryAfter?.Delta ?? TimeSpan.FromSeconds(pause);
        await Task.Delay(wanted.TotalSeconds < 10 ? wanted : TimeSpan.FromSeconds(10));
    }
}
