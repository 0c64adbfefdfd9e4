import { readdirSync, statSync } from 'node:fs'
import { join, parse } from 'node:path'
import { attempt } from '../lib/attempt.js'
import { readSettingFile } from './setting-file.js'

export interface CertificateFiles {
  readonly file: string
  /** Undefined if the key is in `file`, or beside it with the extension `.key`. */
  readonly keyFile: string | undefined
}

/** Names in certbot's folders `live/NAME/`. Other files there repeat parts of the chain. */
const chainName = 'fullchain.pem'
const keyName = 'privkey.pem'

export function isFolder(path: string): boolean {
  return attempt(() => statSync(path).isDirectory()) === true
}

export function certificatesOf(folder: string): readonly CertificateFiles[] {
  const names = readdirSync(folder)
    .filter(name => !name.startsWith('.'))
    .sort()
  if (names.includes(chainName)) return [{ file: join(folder, chainName), keyFile: join(folder, keyName) }]
  return names.flatMap(name => {
    const path = join(folder, name)
    const file = join(path, chainName)
    if (isFolder(path)) return isFile(file) ? [{ file, keyFile: join(path, keyName) }] : []
    if (!/\.(crt|pem)$/i.test(name) || isKeyAlone(path)) return []
    const { dir, name: base, ext } = parse(path)
    const keyFile = join(dir, `${base}-key${ext}`)
    return [{ file: path, keyFile: isFile(keyFile) ? keyFile : undefined }]
  })
}

function isFile(path: string): boolean {
  return attempt(() => statSync(path).isFile()) === true
}

function isKeyAlone(path: string): boolean {
  const text = attempt(() => readSettingFile(path)) ?? ''
  return text.includes('PRIVATE KEY-----') && !text.includes('-----BEGIN CERTIFICATE-----')
}
