import type { X509Certificate } from 'node:crypto'
import { createSecureContext, type SecureContext, type SecureContextOptions } from 'node:tls'
import type { Config } from '../../config/config.js'
import { exposureOf } from '../../config/exposed-secrets.js'
import { ConfigError } from '../../config/load.js'
import { type Certificate, dateWarnings, readTlsFiles } from '../../config/tls-files.js'

type Https = NonNullable<Config['https']>

export class Certificates {
  usual: SecureContextOptions = {}
  /** When the certificate of each file expires, in seconds since 1970. */
  expiries: ReadonlyMap<string, number> = new Map()
  #https: Https
  #certificates: readonly Certificate[] = []
  #named: readonly { readonly x509: X509Certificate; readonly context: SecureContext }[] = []

  constructor(https: Https) {
    this.#https = https
    this.reload()
  }

  get files(): readonly string[] {
    return this.#https.files.certificates
  }

  /** Returns warnings. If it throws a `ConfigError`, nothing has changed. */
  reload(https = this.#https): string[] {
    const problems: string[] = []
    const material = readTlsFiles(https.files, problem => void problems.push(problem), this.#certificates)
    if (material === undefined) throw new ConfigError(problems)
    this.#https = https
    const { dhparam, certificates, clientCa, faults } = material
    const { minVersion, ciphers } = this.#https
    const common = {
      minVersion,
      dhparam,
      ...(ciphers !== undefined && { ciphers }),
      ...(clientCa !== undefined && { ca: clientCa }),
    }
    const options = certificates.map(({ cert, key }) => ({ ...common, cert, key }))
    this.#named = certificates.map(({ x509 }, at) => ({ x509, context: createSecureContext(options[at]) }))
    this.#certificates = certificates
    this.usual = options[0]!
    this.expiries = new Map(certificates.map(({ file, x509 }) => [file, Date.parse(x509.validTo) / 1000]))
    const exposed = certificates.flatMap(({ keyFile }) => exposureOf(keyFile, `TLS_KEY names ${keyFile}`))
    return [...faults, ...dateWarnings(material, Date.now()), ...exposed]
  }

  /** RFC 6066 §3. Undefined for the usual certificate. */
  contextFor(name: string): SecureContext | undefined {
    const fitting = this.#named.filter(({ x509 }) => x509.checkHost(name, onlyAlternativeNames) !== undefined)
    const exact = fitting.find(({ x509 }) => !x509.checkHost(name, onlyAlternativeNames)!.startsWith('*'))
    return (exact ?? fitting[0])?.context
  }
}

/** RFC 9525 §2. */
const onlyAlternativeNames = { subject: 'never', partialWildcards: false } as const
