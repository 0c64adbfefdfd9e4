import { createSecretKey, type KeyObject } from 'node:crypto'
import { accessSync, constants, statSync } from 'node:fs'
import { dirname } from 'node:path'
import { attempt } from '../../lib/attempt.js'
import { codeOf } from '../../lib/log.js'
import { inFile, linesIn } from '../setting-file.js'
import type { Kind } from './kinds.js'

export const stateFolder: Kind<string> = (folder, report) => {
  const stats = attempt(() => statSync(folder))
  if (stats?.isDirectory() === false) return report('must name a folder, not a file')
  const { R_OK, W_OK, X_OK } = constants
  try {
    accessSync(stats === undefined ? dirname(folder) : folder, R_OK | W_OK | X_OK)
    return folder
  } catch (error) {
    const fault =
      stats === undefined
        ? 'that does not exist, and this user cannot create it'
        : 'where this user cannot read and write'
    return report(`names a folder ${fault} (${codeOf(error)})`)
  }
}

const advice = 'make keys with openssl rand -base64 32'

export const sealKeysFile: Kind<readonly KeyObject[]> = inFile((text, report): readonly KeyObject[] | undefined => {
  const keys: KeyObject[] = []
  for (const { number, text: written } of linesIn(text)) {
    if (!/^[A-Za-z0-9+/]{43}=$/.test(written))
      return report(`names a file whose line ${number} is not 32 bytes in base64: ${advice}`)
    const bytes = Buffer.from(written, 'base64')
    keys.push(createSecretKey(bytes))
    bytes.fill(0)
  }
  return keys.length === 0 ? report(`names a file without a key: ${advice}`) : keys
})
