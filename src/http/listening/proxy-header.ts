// The PROXY protocol, versions 1 and 2: https://www.haproxy.org/download/2.9/doc/proxy-protocol.txt
import { isIPv4, isIPv6, type Socket } from 'node:net'
import { canonical } from '../../lib/client-network.js'
import type { Clock } from '../../lib/clock.js'

interface ProxyHeader {
  /** In bytes. */
  readonly length: number
  /** False for a connection of the proxy itself, such as a health check. */
  readonly isForwarded: boolean
  readonly address: string | undefined
}

const start = Buffer.from('PROXY ')
const signature = Buffer.from('\r\n\r\n\0\r\nQUIT\n', 'latin1')
/** In bytes, including the line end. */
const longestLine = 107
const fixedLength = 16
/** In bytes. The specification expects at most 536 (§2), but TLVs may contain certificates. */
const longestHeader = 4_096

/** More than 3 s, because TCP may resend the first segment after 3 s. */
const longestWait = 5_000

/** Calls `then` once, with undefined if no valid header arrives in time. Later bytes stay in the socket. */
export function readProxyHeader(
  socket: Socket,
  clock: Pick<Clock, 'after'>,
  then: (header: ProxyHeader | undefined) => void,
): void {
  let bytes: Buffer = Buffer.alloc(0)
  const finish = (header: ProxyHeader | undefined) => {
    timer.cancel()
    socket.off('readable', read).off('end', fail).off('close', fail)
    if (header !== undefined && bytes.length > header.length) socket.unshift(bytes.subarray(header.length))
    // After a failure, `ignore` stays: the socket may still emit an error.
    if (header !== undefined) socket.off('error', ignore)
    then(header)
  }
  const fail = () => finish(undefined)
  const read = () => {
    const piece: Buffer | null = socket.read()
    if (piece === null) return
    bytes = bytes.length === 0 ? piece : Buffer.concat([bytes, piece])
    const header = parseProxyHeader(bytes)
    if (header !== undefined) finish(header ?? undefined)
  }
  const timer = clock.after(longestWait, fail)
  socket.on('error', ignore).on('readable', read).on('end', fail).on('close', fail)
}

const ignore = () => {}

/** Undefined if incomplete, null if invalid. */
export function parseProxyHeader(bytes: Buffer): ProxyHeader | null | undefined {
  if (begins(bytes, start)) return readLine(bytes)
  return begins(bytes, signature) ? readBinary(bytes) : null
}

function begins(bytes: Buffer, expected: Buffer): boolean {
  const length = Math.min(bytes.length, expected.length)
  return bytes.compare(expected, 0, length, 0, length) === 0
}

function readLine(bytes: Buffer): ProxyHeader | null | undefined {
  const end = bytes.subarray(0, longestLine).indexOf('\r\n')
  if (end < 0) return bytes.length < longestLine ? undefined : null
  const length = end + 2
  const line = bytes.toString('latin1', 0, end)
  if (/^PROXY UNKNOWN(?: |$)/.test(line)) return { length, isForwarded: true, address: undefined }
  const [, family, from = '', to = '', ...ports] =
    /^PROXY TCP([46]) (\S+) (\S+) (0|[1-9]\d{0,4}) (0|[1-9]\d{0,4})$/.exec(line) ?? []
  const isAddress = family === '4' ? isIPv4 : isIPv6
  const isWell = isAddress(from) && isAddress(to) && !line.includes('%') && ports.every(port => Number(port) <= 65535)
  return isWell ? { length, isForwarded: true, address: canonical(from) } : null
}

const commands = { local: 0, proxy: 1 }
/** Bytes of addresses and ports, by family: unspecified, IPv4, IPv6, Unix. */
const sizes = [0, 12, 36, 216]

function readBinary(bytes: Buffer): ProxyHeader | null | undefined {
  if (bytes.length < fixedLength) return undefined
  const version = bytes[12]! >> 4
  const command = bytes[12]! & 15
  const family = bytes[13]! >> 4
  const protocol = bytes[13]! & 15
  const length = fixedLength + bytes.readUInt16BE(14)
  if (version !== 2 || command > commands.proxy || length > longestHeader) return null
  if (bytes.length < length) return undefined
  if (command === commands.local) return { length, isForwarded: false, address: undefined }
  const size = sizes[family]
  if (size === undefined || protocol > 2 || length < fixedLength + size) return null
  // TLVs follow, whose checksum a receiver may ignore (§2.2.3).
  return { length, isForwarded: true, address: addressIn(bytes, family) }
}

function addressIn(bytes: Buffer, family: number): string | undefined {
  if (family === 1) return bytes.subarray(fixedLength, fixedLength + 4).join('.')
  if (family !== 2) return undefined
  const groups = Array.from({ length: 8 }, (_, at) => bytes.readUInt16BE(fixedLength + 2 * at).toString(16))
  return canonical(groups.join(':'))
}
