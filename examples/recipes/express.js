// For Express 5 and express-session, with jose from npm.
import { randomUUID } from 'node:crypto'
import { setTimeout as pause } from 'node:timers/promises'
import { SignJWT } from 'jose'

// Makes a token for the pages of this session. Call this at the sign-in too, so that two tabs get one visit.
// `chatVisit` is no secret: logs can contain it. After session.regenerate(), put the old `chatVisit` into the new
// session.
export function chatToken(session) {
  session.chatVisit ??= randomUUID()
  const token = new SignJWT({ sub: session.user.name, aud: 'chat', visit: session.chatVisit })
  return token.setProtectedHeader({ alg: 'HS256' }).setExpirationTime('5m').sign(Buffer.from(process.env.CHAT_SECRET))
}

// With `checkEvery`, pages call this every minute. So that sessions still expire, set `cookie.maxAge` of
// express-session, and do not set `rolling`.
app.get('/chat/token', async ({ session }, response) => {
  if (!session.user) return response.sendStatus(401)
  response.set({ 'Cache-Control': 'no-store', 'X-Content-Type-Options': 'nosniff' })
  response.json({ token: await chatToken(session) })
})

/** Call this at the sign-out, after the session is destroyed, with a token that you made before. */
export async function endChats(token) {
  const headers = { Authorization: `Bearer ${token}` }
  const url = 'https://chat.example.org/connect'
  for (const seconds of [1, 2, 0]) {
    const call = fetch(url, { method: 'DELETE', headers, signal: AbortSignal.timeout(5000) })
    const { ok, status, headers: sent, message = `HTTP ${status}` } = await call.catch(error => error)
    if (ok) return
    if (!seconds || (status && ![429, 502, 503, 504].includes(status)))
      return console.error(`The chats of a session did not end: ${message}`)
    const wanted = sent?.get('Retry-After')
    await pause(1000 * (/^\d+$/.test(wanted) ? Math.min(wanted, 10) : seconds))
  }
}
