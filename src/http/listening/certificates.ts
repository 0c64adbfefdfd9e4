import { createSecureContext, type SecureContext, type SecureContextOptions } from 'node:tls'
import type { Config } from '../../config/config.js'
import { ConfigError } from '../../config/load.js'
import { type Certificate, readTlsFiles, tlsWarnings } from '../../config/tls-files.js'
import { namesOf } from '../../servers/net/certificate-names.js'

type Https = NonNullable<Config['https']>

export class Certificates {
  usual: SecureContextOptions = {}
  /** Expiry by file, in seconds since 1970. */
  expiries: ReadonlyMap<string, number> = new Map()
  #https: Https
  #certificates: readonly Certificate[] = []
  #named: ReadonlyMap<string, SecureContext> = new Map()

  constructor(https: Https) {
    this.#https = https
    this.reload()
  }

  get files(): readonly string[] {
    return this.#https.files.certificates
  }

  /** Returns warnings. After a `ConfigError`, nothing has changed. */
  reload(https = this.#https): string[] {
    const problems: string[] = []
    const material = readTlsFiles(https.files, problem => void problems.push(problem), this.#certificates)
    if (material === undefined) throw new ConfigError(problems)
    this.#https = https
    const { dhparam, certificates, clientCa } = material
    const { minVersion, ciphers } = https
    const common = { minVersion, dhparam, ciphers, ca: clientCa }
    const options = certificates.map(({ cert, key }) => ({ ...common, cert, key }))
    const contexts = options.map(createSecureContext)
    // RFC 9525 §2: names in the subject are ignored.
    const names = certificates.flatMap(({ x509 }, at) =>
      namesOf(x509.subjectAltName ?? '')
        .filter(({ kind }) => kind === 'DNS')
        .map(({ value }) => [value.toLowerCase(), contexts[at]!] as const),
    )
    // Reversed, so that the first certificate for a name counts.
    this.#named = new Map(names.reverse())
    this.#certificates = certificates
    this.usual = options[0]!
    this.expiries = new Map(certificates.map(({ file, x509 }) => [file, Date.parse(x509.validTo) / 1000]))
    return tlsWarnings(material, Date.now())
  }

  /** RFC 6066 §3. If undefined, Node sends the usual certificate. */
  contextFor(name: string): SecureContext | undefined {
    const wanted = name.toLowerCase()
    return this.#named.get(wanted) ?? this.#named.get(wanted.replace(/^[^.]+/, '*'))
  }
}
