import { once } from 'node:events'
import { accessSync, constants, lstatSync, type Stats, unlinkSync } from 'node:fs'
import { connect } from 'node:net'
import { dirname } from 'node:path'
import { attempt } from '../../lib/attempt.js'
import { codeOf } from '../../lib/log.js'

export async function removeStaleSocket(path: string): Promise<void> {
  const before = fileAt(path)
  if (before?.isSocket() !== true || (await connectErrorCode(path)) !== 'ECONNREFUSED') return
  // Another program may have replaced the socket meanwhile.
  if (fileAt(path)?.ino === before.ino) attempt(() => unlinkSync(path))
}

/** Returns the last part of an error message. Undefined if a socket can be created, or replace an old socket. */
export function socketPathProblem(path: string): string | undefined {
  const folder = dirname(path)
  const file = fileAt(path)
  if (file !== undefined && !file.isSocket()) return 'where there is a file that is no socket: choose another path'
  if (fileAt(folder) === undefined)
    return `but the folder ${folder} does not exist: create it for the user of the service`
  if (attempt(() => accessSync(folder, constants.W_OK | constants.X_OK) ?? true) !== true)
    return `but this user may not create files in ${folder}`
  return undefined
}

function fileAt(path: string): Stats | undefined {
  return attempt(() => lstatSync(path))
}

async function connectErrorCode(path: string): Promise<string | undefined> {
  const socket = connect(path)
  const code = await once(socket, 'connect').then(() => undefined, codeOf)
  socket.destroy()
  return code
}
