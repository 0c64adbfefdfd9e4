import type { X509Certificate } from 'node:crypto'
import { createSecureContext, type SecureContext, type SecureContextOptions } from 'node:tls'
import type { Config } from '../../config/config.js'
import { exposureOf } from '../../config/exposed-secrets.js'
import { ConfigError } from '../../config/load.js'
import { datesAmiss, readTlsFiles } from '../../config/tls-files.js'

/** The settings of the https listener. */
type Https = NonNullable<Config['https']>

/** The certificates of the https listener: one for each connection, by the name that its client asks for. */
export class Certificates {
  /** For clients that ask for no name, or for one that no certificate has: the first. */
  usual: SecureContextOptions = {}
  readonly #https: Https
  #named: readonly { readonly x509: X509Certificate; readonly context: SecureContext }[] = []

  /** Throws a `ConfigError` where the files cannot be used. */
  constructor(https: Https) {
    this.#https = https
    this.reload()
  }

  /** Reads the files again; tells what is amiss with them. Throws a `ConfigError`, with all as before, if unusable. */
  reload(): string[] {
    const problems: string[] = []
    const material = readTlsFiles(this.#https.files, problem => void problems.push(problem))
    if (material === undefined) throw new ConfigError(problems)
    const { dhparam, certificates } = material
    const { minVersion, ciphers } = this.#https
    const common = { minVersion, dhparam, ...(ciphers !== undefined && { ciphers }) }
    const options = certificates.map(({ cert, key }) => ({ ...common, cert, key }))
    this.#named = certificates.map(({ x509 }, at) => ({ x509, context: createSecureContext(options[at]) }))
    this.usual = options[0]!
    const exposed = certificates.flatMap(({ keyFile }) => exposureOf(keyFile, `TLS_KEY names ${keyFile}`))
    return [...datesAmiss(material, Date.now()), ...exposed]
  }

  /** What is shown to a client that asks for this name (RFC 6066 §3); undefined for the usual one. */
  contextFor(name: string): SecureContext | undefined {
    const fitting = this.#named.filter(({ x509 }) => x509.checkHost(name, onlyAlternativeNames) !== undefined)
    const exact = fitting.find(({ x509 }) => !x509.checkHost(name, onlyAlternativeNames)!.startsWith('*'))
    return (exact ?? fitting[0])?.context
  }
}

/** Browsers look at nothing else (RFC 9525 §2). */
const onlyAlternativeNames = { subject: 'never', partialWildcards: false } as const
