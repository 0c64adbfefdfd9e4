// lib/chat.ts for the App Router of Next.js, tried with 16.4, with jose from npm. Your sign-in keeps `user` and
// `visit`, a random text, in its session until the sign-out. `visit` is no secret. app/chat/token/route.ts, with a
// `readSession` of your own:
//   export const GET = async () => sendChatToken(await readSession())
import { setTimeout as pause } from 'node:timers/promises'
import { SignJWT } from 'jose'

export interface ChatSession {
  readonly user: string
  readonly visit: string
}

export function chatToken({ user, visit }: ChatSession): Promise<string> {
  const token = new SignJWT({ sub: user, aud: 'chat', visit })
  return token.setProtectedHeader({ alg: 'HS256' }).setExpirationTime('5m').sign(Buffer.from(process.env.CHAT_SECRET!))
}

/** With `checkEvery`, pages call this every minute: it must not extend the session. */
export async function sendChatToken(session: ChatSession | undefined): Promise<Response> {
  if (session === undefined) return new Response(null, { status: 401 })
  const headers = { 'Cache-Control': 'no-store', 'X-Content-Type-Options': 'nosniff' }
  return Response.json({ token: await chatToken(session) }, { headers })
}

/** Call this at the sign-out, after the session is destroyed, with a token that you made before. */
export async function endChats(token: string): Promise<void> {
  const headers = { Authorization: `Bearer ${token}` }
  for (const seconds of [1, 2, 0]) {
    const call = fetch('https://chat.example.org/connect', {
      ...{ method: 'DELETE', headers, cache: 'no-store', signal: AbortSignal.timeout(5000) },
    })
    const answer = await call.catch((error: Error) => error)
    if (answer instanceof Response && answer.ok) return
    const mayRetry = answer instanceof Error || [429, 502, 503, 504].includes(answer.status)
    if (!seconds || !mayRetry) {
      console.error('The chats of a session did not end:', answer instanceof Error ? answer.message : answer.status)
      return
    }
    const wanted = answer instanceof Error ? null : answer.headers.get('Retry-After')
    await pause(1000 * (/^\d+$/.test(wanted ?? '') ? Math.min(Number(wanted), 10) : seconds))
  }
}
