// The XMPP servers that the service is tested with, and the kinds of link that it has to them.
import { type EjabberdOptions, startEjabberd } from '../support/ejabberd.js'
import { type Prosody, startProsody } from '../support/prosody.js'
import type { XmppServer } from '../support/xmpp-server.js'

export type { XmppServer }

export interface ServerKind {
  readonly maker: 'Prosody' | 'ejabberd'
  /** With the link, as in `Prosody over STARTTLS`. */
  readonly name: string
  readonly packages: readonly string[]
  readonly encrypted: boolean
  start(users: Readonly<Record<string, string>>): Promise<XmppServer>
  /** The value of `XMPP_SERVERS`; `port` where it is not the server's own. */
  servers(server: XmppServer, port?: number): string
}

const at = (port: number, option: string) => `localhost=xmpp://127.0.0.1:${port}?${option}`

const overStarttls = {
  encrypted: true,
  servers: (server: XmppServer, port = server.c2sPort) => at(port, `ca=${server.caFile}`),
}

/** Every server over the link that is meant for it. */
export const encryptedServers: readonly ServerKind[] = [
  {
    ...overStarttls,
    maker: 'Prosody',
    name: 'Prosody over STARTTLS',
    packages: ['prosody', 'openssl'],
    // A login over an unencrypted link would be refused by Prosody, too.
    start: users => startProsody({ users, config: 'c2s_require_encryption = true' }),
  },
  {
    ...overStarttls,
    maker: 'ejabberd',
    name: 'ejabberd over STARTTLS',
    packages: ['ejabberd', 'openssl'],
    start: users => startEjabberd({ users }),
  },
]

type RegisteringServer = XmppServer & Pick<Prosody, 'register' | 'changePassword'>

/** Prosody and ejabberd with these accounts and settings, each with the browser of its tests. */
export const bothServers = (users: Readonly<Record<string, string>>, prosody: string, ejabberd: EjabberdOptions = {}) =>
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

const overPlainLink = {
  encrypted: false,
  servers: (server: XmppServer, port = server.c2sPort) => at(port, 'tls=none'),
}

export const plainProsody: ServerKind = {
  ...overPlainLink,
  maker: 'Prosody',
  name: 'Prosody over a plain link',
  packages: ['prosody', 'openssl'],
  start: users => startProsody({ users }),
}

export const servers: readonly ServerKind[] = [plainProsody, ...encryptedServers]
