import { existsSync, unlinkSync } from 'node:fs'
import { mkdir, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import type { Logger } from 'pino'
import type { Config } from '../../config/config.js'
import { attempt } from '../../lib/attempt.js'
import { codeOf } from '../../lib/log.js'
import { readSealed, SealedFileError, temporaryEnding, writeSealed } from '../../lib/secrets/sealed-file.js'

/** Processes with a store only read. */
export interface StateFilesParts {
  /** The folder is created if its parent exists. The first key encrypts. Each key can decrypt. */
  readonly state: NonNullable<Config['state']>
  readonly version: number
  /** In milliseconds. A longer outage is reported as this long, because the machine's clock may have been set. */
  readonly longestOutage: number
  readonly log: Logger
  readonly now?: () => number
}

export interface WrittenState {
  /** Milliseconds since the state was written. */
  readonly outage: number
  readonly records: readonly string[]
  /** Deletes the file. Returns true in only one process, which then continues the sessions. */
  take(): boolean
}

export type StateFiles = ReturnType<typeof stateFiles>

interface Head {
  readonly version: number
  readonly writtenAt: number
}

const outcomes = {
  damaged: 'a state file is damaged: its sessions end',
  'other-version': 'a state file is of another version: its sessions end',
  'wrong-key': 'no key in SEAL_KEY_FILE opens a state file: add its key and restart at once, or its sessions end',
  unreadable: 'a state file cannot be read: its sessions end',
} as const

const replaced =
  'a state file was replaced: its sessions end. It had another key, or was of another process with this STATE_DIR, which processes cannot share'

const name = 'sessions-0'

export function stateFiles(parts: StateFilesParts) {
  const { state, version, longestOutage, log, now = Date.now } = parts
  const { folder } = state
  const path = join(folder, name)

  const remove = (file = name): boolean => {
    try {
      unlinkSync(join(folder, file))
      return true
    } catch (error) {
      const code = codeOf(error)
      if (code !== 'ENOENT') log.warn({ file, code }, 'a state file cannot be deleted: its sessions end')
      return false
    }
  }

  const drop = (outcome: keyof typeof outcomes): undefined => {
    if (remove()) log.warn({ file: name }, outcomes[outcome])
  }

  const read = async (): Promise<WrittenState | undefined> => {
    try {
      const [first, ...records] = await readSealed(path, state.keys)
      const head = headIn(first)
      if (head?.version !== version) return drop(head === undefined ? 'damaged' : 'other-version')
      // Whether a stream can still be resumed is known to its server alone.
      const outage = Math.min(Math.max(0, now() - head.writtenAt), longestOutage)
      return { outage, records, take: () => remove() }
    } catch (error) {
      if (!(error instanceof SealedFileError)) throw error
      const { reason, code } = error
      // A later start may be able to read the file.
      if (reason === 'wrong-key' || reason === 'unreadable') log.warn({ file: name, code }, outcomes[reason])
      else if (reason !== 'absent') drop(reason)
      return undefined
    }
  }

  return {
    /** Replaces the file. Rejects with an error of the system or of `records`. */
    async write(records: Iterable<string>, bytes?: number): Promise<void> {
      await made(folder)
      // This process took its own file at the start.
      const isOfOther = existsSync(path)
      const head: Head = { version, writtenAt: now() }
      await writeSealed(path, state.keys[0]!, headed(JSON.stringify(head), records), bytes)
      if (isOfOther) log.warn({ file: name }, replaced)
    },
    /** Undefined if there is nothing to continue. Never rejects. */
    async read(): Promise<WrittenState | undefined> {
      try {
        await made(folder)
        for (const file of await readdir(folder))
          if (file.replace(temporaryEnding, '') === name && file !== name) remove(file)
        return await read()
      } catch (error) {
        log.warn({ code: codeOf(error) }, 'STATE_DIR cannot be read: the sessions in it end')
        return undefined
      }
    },
  }
}

const made = (folder: string) =>
  mkdir(folder, { mode: 0o700 }).catch(error => {
    if (codeOf(error) !== 'EEXIST') throw error
  })

function* headed(head: string, records: Iterable<string>): Iterable<string> {
  yield head
  yield* records
}

function headIn(text = ''): Head | undefined {
  const head: Head | null | undefined = attempt(() => JSON.parse(text))
  return Number.isFinite(head?.version) ? head! : undefined
}
