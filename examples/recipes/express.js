// With express-session, and jose from npm.
import { hash } from 'node:crypto'
import { SignJWT } from 'jose'

const secret = new TextEncoder().encode(process.env.CHAT_SECRET)

/** A token for the pages of this session. `visit` may appear in logs, so it is a hash. */
export function chatToken({ id, user }) {
  const token = new SignJWT({ sub: user.name, aud: 'chat', visit: hash('sha256', id) })
  return token.setProtectedHeader({ alg: 'HS256' }).setExpirationTime('5 minutes').sign(secret)
}

app.get('/chat/token', async ({ session }, response) => {
  if (!session.user) return response.sendStatus(401)
  response.set({ 'Cache-Control': 'no-store', 'X-Content-Type-Options': 'nosniff' })
  response.json({ token: await chatToken(session) })
})

/** Call it at the sign-out, after the session is destroyed, with a token from before. */
export async function endChats(token) {
  const headers = { Authorization: `Bearer ${token}` }
  await fetch('https://chat.example.org/connect', { method: 'DELETE', headers }).catch(console.error)
}
