// Certificates made by openssl, each with a key of its own, trusted only by clients that are given them.
import { execFileSync } from 'node:child_process'
import { generateKeyPairSync } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** Key and certificate, PEM. Without `issuer`, the certificate signs itself: clients that trust it as CA accept it. */
export interface Credentials {
  readonly key: string
  readonly cert: string
}

export interface CertificateOptions {
  readonly commonName?: string
  /** Whether it has expired. Otherwise, it is valid for two days from now. */
  readonly expired?: boolean
  /** The CA that signs it. Without a CA, it signs itself. */
  readonly issuer?: Credentials
  /** Default: the key of an elliptic curve. */
  readonly rsa?: boolean
}

/** Makes a certificate with these alternative names, as openssl's configuration writes them: `['DNS:example.org']`. */
export function makeCertificate(names: readonly string[], options: CertificateOptions = {}): Credentials {
  const folder = mkdtempSync(join(tmpdir(), 'warm-certificate-'))
  try {
    const at = (name: string) => join(folder, name)
    const openssl = (...args: string[]) => execFileSync('openssl', args, { cwd: folder, stdio: 'pipe' })
    const numbered = names.map((name, index) => {
      const colon = name.indexOf(':')
      return `${name.slice(0, colon)}.${index} = ${name.slice(colon + 1)}`
    })
    writeFileSync(
      at('openssl.cnf'),
      [
        '[req]\ndistinguished_name = dn\nprompt = no\nutf8 = yes\nstring_mask = utf8only',
        `[dn]\nCN = ${options.commonName ?? 'test'}`,
        `[extensions]\nbasicConstraints = CA:TRUE`,
        ...(names.length === 0 ? [] : [`subjectAltName = @names\n[names]\n${numbered.join('\n')}`]),
        '[ca]\ndefault_ca = own',
        '[own]\ndatabase = index.txt\nnew_certs_dir = .\nserial = serial\ndefault_md = sha256\npolicy = any',
        '[any]\ncommonName = supplied',
      ].join('\n'),
    )
    writeFileSync(at('index.txt'), '')
    writeFileSync(at('serial'), '01')
    const { privateKey } = options.rsa
      ? generateKeyPairSync('rsa', { modulusLength: 2048 })
      : generateKeyPairSync('ec', { namedCurve: 'prime256v1' })
    const key = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString()
    writeFileSync(at('key.pem'), key)
    const config = ['-config', 'openssl.cnf', '-extensions', 'extensions']
    if (options.expired) {
      openssl('req', '-new', '-key', 'key.pem', '-out', 'request.pem', '-config', 'openssl.cnf')
      const files = ['-keyfile', 'key.pem', '-in', 'request.pem', '-out', 'cert.pem']
      const dates = ['-startdate', '20200101000000Z', '-enddate', '20200102000000Z']
      openssl('ca', '-batch', '-selfsign', '-notext', ...files, ...dates, ...config)
    } else {
      const { issuer } = options
      if (issuer !== undefined) writeFileSync(at('issuer.pem'), issuer.cert + issuer.key)
      const signing = issuer === undefined ? [] : ['-CA', 'issuer.pem', '-CAkey', 'issuer.pem']
      openssl('req', '-x509', '-new', '-key', 'key.pem', ...signing, '-days', '2', '-out', 'cert.pem', ...config)
    }
    return { key, cert: readFileSync(at('cert.pem'), 'utf8') }
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}
