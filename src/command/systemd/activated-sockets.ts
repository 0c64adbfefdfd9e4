// Socket activation: systemd listens, so connections wait while the service restarts (sd_listen_fds(3)).
import { readFileSync, readlinkSync } from 'node:fs'
import { endianness } from 'node:os'
import { written } from '../../config/kinds/listen-addresses.js'
import type { Environment } from '../../config/settings.js'
import { CommandError } from '../command-error.js'

export type ActivatedSockets = ReadonlyMap<string, number>

const firstDescriptor = 3
const listening = '0A'
const pairs = [
  ['HOST', 'PORT'],
  ['HTTPS_HOST', 'HTTPS_PORT'],
] as const

/** Removes systemd's variables. Sets HOST and PORT, or HTTPS_HOST and HTTPS_PORT for sockets named `https`. */
export function takeActivatedSockets(environment: NodeJS.ProcessEnv): ActivatedSockets {
  const { LISTEN_PID: pid, LISTEN_FDS: count, LISTEN_FDNAMES: names = '' } = environment
  for (const name of ['LISTEN_PID', 'LISTEN_FDS', 'LISTEN_FDNAMES']) delete environment[name]
  if (Number(pid) !== process.pid) return new Map()
  const roles = names.split(':')
  const found = Array.from({ length: Number(count) }, (_, index) => {
    const descriptor = firstDescriptor + index
    return { descriptor, setting: roles[index] === 'https' ? 'HTTPS_HOST' : 'HOST', ...addressOf(descriptor) }
  })
  for (const [host, port] of pairs) {
    const sockets = found.filter(({ setting }) => setting === host)
    if (sockets.length === 0) continue
    environment[host] = sockets.map(({ address }) => address).join(',')
    environment[port] = sockets.find(socket => socket.port !== undefined)?.port ?? 'off'
  }
  return new Map(found.map(({ address, descriptor }) => [address, descriptor]))
}

/** Returns settings of `wished` that the sockets have replaced in `taken`. */
export function ignoredSettings(wished: Environment, taken: Environment): string[] {
  return pairs.flat().filter(name => wished[name] !== undefined && wished[name] !== taken[name])
}

/** A Unix socket has no port. */
function addressOf(descriptor: number) {
  const [, inode] = /^socket:\[(\d+)\]$/.exec(readlinkSync(`/proc/self/fd/${descriptor}`)) ?? []
  if (inode !== undefined) {
    for (const table of ['tcp', 'tcp6'])
      for (const [, local = '', , state, , , , , , of] of rows(table))
        if (of === inode && state === listening) return internetAddress(local)
    for (const [, , , , , , of, path] of rows('unix'))
      if (of === inode && path?.startsWith('/')) return { address: `unix:${path}`, port: undefined }
  }
  throw new CommandError(
    `systemd passed the descriptor ${descriptor}, which is no listening TCP or Unix socket: use ListenStream= in the socket unit.`,
  )
}

function rows(table: string): string[][] {
  const text = readFileSync(`/proc/self/net/${table}`, 'utf8')
  return text.split('\n').map(line => line.trim().split(/\s+/))
}

/** `local` has 32-bit words in the machine's byte order, as in `0100007F:1F90`. */
function internetAddress(local: string) {
  const [digits = '', hexPort = ''] = local.split(':')
  const bytes = Buffer.from(digits, 'hex')
  if (endianness() === 'LE') bytes.swap32()
  const port = Number.parseInt(hexPort, 16)
  const groups = Array.from({ length: bytes.length / 2 }, (_, index) => bytes.readUInt16BE(2 * index).toString(16))
  const host = bytes.length === 4 ? bytes.join('.') : new URL(`http://[${groups.join(':')}]`).hostname.slice(1, -1)
  return { address: written({ host, port }), port: String(port) }
}
