import { isIPv6 } from 'node:net'
import { networkInterfaces } from 'node:os'
import { attempt } from './attempt.js'
import type { ProblemCode } from './errors.js'

type ConnectError = NodeJS.ErrnoException & { readonly address?: string; readonly errors?: readonly ConnectError[] }

export function connectProblem(error: ConnectError): ProblemCode {
  const { code } = error
  if (code === 'EMFILE' || code === 'ENFILE') return 'service-full'
  return [error, ...(error.errors ?? [])].some(isExhaustion) ? 'local-ports-exhausted' : 'remote-connection-failed'
}

function isExhaustion({ code, syscall, address = '' }: ConnectError): boolean {
  if (code !== 'EADDRNOTAVAIL' || syscall !== 'connect') return false
  // Without IPv6, connecting to ::1 fails with EADDRNOTAVAIL although ports are free.
  const family = isIPv6(address) ? 'IPv6' : 'IPv4'
  const interfaces = attempt(networkInterfaces)
  return (
    interfaces === undefined ||
    Object.values(interfaces)
      .flat()
      .some(known => known?.family === family)
  )
}
