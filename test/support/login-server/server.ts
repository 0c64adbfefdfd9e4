// An XMPP server for logins that is strict about what it receives and does what a test tells it to, at any step.
import { randomBytes } from 'node:crypto'
import { createServer } from 'node:net'
import { createSecureContext } from 'node:tls'
import type { Credentials } from '../certificates.js'
import { ListeningServer } from '../listener.js'
import { LoginConnection } from './connection.js'
import type { Sent } from './reader.js'

export const stages = [
  'connect',
  'header',
  'starttls',
  'proceed',
  'features',
  'challenge',
  'success',
  'restart',
  'features2',
  'bind',
  'session',
] as const

/**
 * A step of a login, named by what the server says in it: `header` is its first one, `starttls` the features that
 * offer it, `features` those that offer SASL, `restart` and `features2` what follows the login.
 */
export type Stage = (typeof stages)[number]

/** What a server is about to say, for a test to do something else instead. */
export interface Turn {
  /** What it would say. */
  readonly usual: string
  readonly connection: LoginConnection
  /** Says what is usual, or `text` in its place, and goes on. */
  goOn(text?: string): void
  say(text: string | Buffer): void
  close(): void
  reset(): void
}

/** What a test does at a step. */
export type Script = Partial<Record<Stage, (turn: Turn) => void>>

export interface LoginServerOptions {
  readonly domain: string
  /** Offers STARTTLS, and nothing else before it. */
  readonly certificate?: Credentials
  readonly accounts?: Readonly<Record<string, string>>
  /** Tokens by user, which log in instead of a password. */
  readonly tokens?: Readonly<Record<string, string>>
  /** Users who may log in on behalf of others. */
  readonly actors?: readonly string[]
  readonly mechanisms?: readonly string[]
  /** More features after the login, beside the one to bind. */
  readonly moreFeatures?: string
  /** Gets what belongs to no step of a login. If it returns true, the element is not added to `stanzas`. */
  readonly onElement?: (element: Sent, connection: LoginConnection) => boolean
}

/** What is usual for a server; a test may change it between two connections. */
export interface Usual extends Required<Omit<LoginServerOptions, 'certificate' | 'onElement'>> {
  readonly onElement: LoginServerOptions['onElement']
  readonly secureContext: ReturnType<typeof createSecureContext> | undefined
  readonly salt: Buffer
}

export class LoginServer extends ListeningServer {
  readonly domain: string
  /** The certificate to trust; undefined without encryption. */
  readonly ca: string | undefined
  /** What connections do from now on. */
  script: Script = {}
  usual: Usual
  readonly connections: LoginConnection[] = []

  constructor(options: LoginServerOptions) {
    super(createServer({ noDelay: true }))
    this.server.on('connection', socket => {
      this.connections.push(new LoginConnection(socket, this.usual, this.script))
    })
    const { domain, certificate, ...others } = options
    this.domain = domain
    this.ca = certificate?.cert
    this.usual = {
      ...{ domain, accounts: { alice: 'Pa55-of-alice' }, tokens: {}, actors: [] },
      mechanisms: ['SCRAM-SHA-1', 'SCRAM-SHA-256', 'SCRAM-SHA-512', 'PLAIN'],
      ...{ moreFeatures: '', onElement: undefined },
      ...others,
      secureContext: certificate && createSecureContext(certificate),
      salt: randomBytes(16),
    }
  }

  get last(): LoginConnection {
    return this.connections.at(-1)!
  }

  /** What clients did that XMPP does not allow. */
  get complaints(): readonly string[] {
    return this.connections.flatMap(({ complaints }) => complaints)
  }

  override get open(): number {
    return this.connections.filter(({ ended }) => !ended).length
  }
}

export const startLoginServer = (options: LoginServerOptions): Promise<LoginServer> => new LoginServer(options).listen()
