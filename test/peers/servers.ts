// The XMPP servers that the service is tested with, and the links that it has to them.
import { type EjabberdOptions, startEjabberd } from '../support/ejabberd.js'
import { type Prosody, startProsody } from '../support/prosody.js'
import type { XmppServer } from '../support/xmpp-server.js'

export type { XmppServer }

type Place = Pick<XmppServer, 'c2sPort' | 'caFile'>

/** XMPP_SERVERS for users of `localhost`; `port` where it is not the server's own. */
export const overStarttls = ({ c2sPort, caFile }: Place, port = c2sPort) =>
  `localhost=xmpp://127.0.0.1:${port}?ca=${caFile}`

/** The same without TLS. */
export const overPlainLink = ({ c2sPort }: Pick<Place, 'c2sPort'>, port = c2sPort) =>
  `localhost=xmpp://127.0.0.1:${port}?tls=none`

type RegisteringServer = XmppServer & Pick<Prosody, 'register'>

/** Prosody and ejabberd with these accounts and settings, each with the browser of its tests. Unless told otherwise, both require STARTTLS. */
export const bothServers = (
  users: Readonly<Record<string, string>>,
  prosody = 'c2s_require_encryption = true',
  ejabberd: EjabberdOptions = {},
) =>
  [
    {
      name: 'Prosody',
      packages: ['prosody', 'openssl'],
      browser: 'chromium',
      start: (): Promise<RegisteringServer> => startProsody({ users, config: prosody }),
    },
    {
      name: 'ejabberd',
      packages: ['ejabberd', 'openssl'],
      browser: 'chromium-headless-shell',
      start: (): Promise<RegisteringServer> => startEjabberd({ users, ...ejabberd }),
    },
  ] as const
