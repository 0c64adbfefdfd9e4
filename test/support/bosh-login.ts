// Logs in through a BOSH endpoint the way Strophe does.
import { attribute, type BoshClient, unescapeText } from './bosh-client.js'
import { authenticate, type ClientStream, type Credentials, logIn } from './stream-login.js'

export interface BoshCredentials extends Credentials {
  readonly domain: string
}

export interface LoggedIn {
  readonly jid: string
  readonly sid: string
  readonly rid: number
}

/** Creates a session, is let in by its server and leaves no request open. Rejects if the login or the session fails. */
export const boshWelcome = (client: BoshClient, credentials: BoshCredentials): Promise<void> =>
  authenticate(streamOver(client, credentials.domain), credentials)

/** The same, and goes on until a resource is bound. */
export async function boshLogin(client: BoshClient, credentials: BoshCredentials): Promise<LoggedIn> {
  const jid = unescapeText(await logIn(streamOver(client, credentials.domain), credentials))
  return { jid, sid: client.sid!, rid: client.rid }
}

function streamOver(client: BoshClient, domain: string): ClientStream {
  const xbosh = { to: domain, 'xml:lang': 'en', 'xmlns:xmpp': 'urn:xmpp:xbosh' }
  const terms = { wait: '60', hold: '1', content: 'text/xml; charset=utf-8', ver: '1.6', 'xmpp:version': '1.0' }
  /** Polls until a reply matches, beginning with the one that is there; an error or a terminate rejects. */
  const until = async (reply: string, expected: RegExp) => {
    for (let text = reply; ; text = await client.request()) {
      if (/terminate|error/.test(attribute(text, 'type') ?? '')) throw new Error(`login refused: ${text}`)
      if (expected.test(text)) return text
    }
  }
  return {
    async open() {
      const isNew = client.sid === undefined
      const reply = await client.request('', isNew ? { ...xbosh, ...terms } : { ...xbosh, 'xmpp:restart': 'true' })
      client.sid ??= attribute(reply, 'sid')
      if (client.sid === undefined) throw new Error(`no session: ${reply}`)
      return until(reply, /<\/(?:\w+:)?features>/)
    },
    ask: async (text, expected) => until(await client.request(text), expected),
  }
}
