// The kinds of link that the service has to Prosody.
import type { Prosody } from '../support/prosody.js'

export interface LinkKind {
  readonly name: string
  readonly encrypted: boolean
  /** Lines of Prosody's configuration. */
  readonly config: string
  /** The value of `XMPP_SERVERS`; `port` where it is not Prosody's own. */
  servers(prosody: Prosody, port?: number): string
}

const at = (port: number, option: string) => `localhost=xmpp://127.0.0.1:${port}?${option}`

export const links: readonly LinkKind[] = [
  {
    name: 'a plain link',
    encrypted: false,
    config: '',
    servers: (prosody, port = prosody.c2sPort) => at(port, 'tls=none'),
  },
  {
    name: 'STARTTLS',
    encrypted: true,
    // A login over a link that is not encrypted would be refused by Prosody, too.
    config: 'c2s_require_encryption = true',
    servers: (prosody, port = prosody.c2sPort) => at(port, `ca=${prosody.caFile}`),
  },
]
