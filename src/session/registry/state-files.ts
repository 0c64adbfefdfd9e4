import type { KeyObject } from 'node:crypto'
import { unlinkSync } from 'node:fs'
import { mkdir, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import type { Logger } from 'pino'
import { attempt } from '../../lib/attempt.js'
import { codeOf } from '../../lib/log.js'
import { readSealed, SealedFileError, temporaryEnding, writeSealed } from '../../lib/secrets/sealed-file.js'

export interface StateFilesParts {
  /** Created if its parent exists. */
  readonly folder: string
  /** The first key encrypts. Each key can decrypt. */
  readonly keys: readonly KeyObject[]
  /** From 1 with workers, 0 without. */
  readonly slot: number
  readonly workers: number
  readonly version: number
  /** The name of this process, if there are several. */
  readonly process?: string | undefined
  /** In milliseconds. A longer outage is reported as this long, because the machine's clock may have been set. */
  readonly longestOutage: number
  readonly log: Logger
  readonly now?: () => number
}

export interface WrittenState {
  /** That wrote the state. */
  readonly process?: string | undefined
  /** Milliseconds since the state was written. */
  readonly outage: number
  readonly records: readonly string[]
  /** Deletes the file. Returns true in only one process, which then continues the sessions. */
  take(): boolean
}

export type StateFiles = ReturnType<typeof stateFiles>

interface Head {
  readonly version: number
  readonly slot: number
  readonly writtenAt: number
  readonly process?: string | undefined
}

const outcomes = {
  damaged: 'a state file is damaged: its sessions end',
  'other-version': 'a state file is of another version: its sessions end',
  'wrong-key': 'no key in SEAL_KEY_FILE opens a state file: add its key and restart at once, or its sessions end',
  unreadable: 'a state file cannot be read: its sessions end',
} as const

const stateFile = /^sessions-(0|[1-9]\d{0,3})$/
const nameOf = (slot: number) => `sessions-${slot}`

export function stateFiles(parts: StateFilesParts) {
  const { folder, slot, workers, version, longestOutage, log, now = Date.now } = parts

  const remove = (name: string): boolean => {
    try {
      unlinkSync(join(folder, name))
      return true
    } catch (error) {
      const code = codeOf(error)
      if (code !== 'ENOENT') log.warn({ file: name, code }, 'a state file cannot be deleted: its sessions end')
      return false
    }
  }

  const drop = (name: string, outcome: keyof typeof outcomes): undefined => {
    if (remove(name)) log.warn({ file: name }, outcomes[outcome])
  }

  const read = async (name: string, from: number): Promise<WrittenState | undefined> => {
    try {
      const [first, ...records] = await readSealed(join(folder, name), parts.keys)
      const head = headIn(first)
      if (head?.version !== version) return drop(name, head === undefined ? 'damaged' : 'other-version')
      if (head.slot !== from) return drop(name, 'damaged')
      // Whether a stream can still be resumed is known to its server alone.
      const outage = Math.min(Math.max(0, now() - head.writtenAt), longestOutage)
      return { process: head.process, outage, records, take: () => remove(name) }
    } catch (error) {
      if (!(error instanceof SealedFileError)) throw error
      const { reason, code } = error
      // A later start may be able to read the file.
      if (reason === 'wrong-key' || reason === 'unreadable') log.warn({ file: name, code }, outcomes[reason])
      else if (reason !== 'absent') drop(name, reason)
      return undefined
    }
  }

  return {
    /** Replaces this slot's file. Rejects with an error of the system or of `records`. */
    async write(records: Iterable<string>, bytes?: number): Promise<void> {
      await made(folder)
      const head: Head = { version, slot, writtenAt: now(), process: parts.process }
      await writeSealed(join(folder, nameOf(slot)), parts.keys[0]!, headed(JSON.stringify(head), records), bytes)
    },
    /** Reads the file of this slot, and some files of slots that have no process any more. Never rejects. */
    async read(): Promise<WrittenState[]> {
      const states: WrittenState[] = []
      try {
        await made(folder)
        for (const name of (await readdir(folder)).sort()) {
          const whole = name.replace(temporaryEnding, '')
          const [, digits] = stateFile.exec(whole) ?? []
          const from = Number(digits)
          if (digits === undefined || readerOf(from, workers) !== slot) continue
          const state = whole === name ? await read(name, from) : void remove(name)
          if (state !== undefined) states.push(state)
        }
      } catch (error) {
        log.warn({ code: codeOf(error) }, 'STATE_DIR cannot be read: the sessions in it end')
      }
      return states
    },
  }
}

function readerOf(slot: number, workers: number): number {
  if (workers === 0) return 0
  return slot === 0 ? 1 : ((slot - 1) % workers) + 1
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
