// Endpoints of an OAuth server, which XMPP servers ask whether a token is valid.
import { createServer, type IncomingMessage } from 'node:http'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import { Listener } from './listener.js'

export interface OAuthEndpoint {
  /** Prosody's settings, in Lua. */
  readonly settings: string
  /** What was asked so far: the asking server's credentials, decoded, and the token. */
  readonly asked: readonly (readonly [client: string, token: string])[]
  close(): Promise<void>
}

const credentialsIn = ({ headers }: IncomingMessage) =>
  Buffer.from(headers.authorization?.replace('Basic ', '') ?? '', 'base64').toString()

/**
 * Introspects tokens (RFC 7662), as mod_auth_introspection asks for it. `answers` has the bodies of its answers, by token.
 * An empty body is answered with status 500. Other tokens are not active.
 */
export async function startIntrospectionEndpoint(
  answers: Readonly<Record<string, string | Promise<string>>>,
): Promise<OAuthEndpoint> {
  const asked: [string, string][] = []
  const server = createServer(async (request, response) => {
    const token = new URLSearchParams(await text(request)).get('token') ?? ''
    asked.push([credentialsIn(request), token])
    const answer = (await answers[token]) ?? '{"active":false}'
    response.writeHead(request.method === 'POST' && answer !== '' ? 200 : 500).end(answer)
  })
  const listener = await Listener.start(server)
  const settings = `
plugin_paths = { "${fileURLToPath(new URL('../../deploy/prosody', import.meta.url))}" }
authentication = "introspection"
introspection_url = "${listener.url}/introspection"
introspection_client_id = "xmpp-server"
introspection_client_secret = "its secret: 100%"
`
  return { asked, settings, close: () => listener.stop() }
}
