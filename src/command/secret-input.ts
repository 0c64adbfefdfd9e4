import { createInterface } from 'node:readline'
import { Writable } from 'node:stream'

/**
 * Reads a secret: on a terminal it asks for it and does not show what is typed, elsewhere it takes the first line that is
 * piped in. Undefined where the input ends before a line does, as by Ctrl+C or Ctrl+D.
 */
export async function readSecret(question: string): Promise<string | undefined> {
  const { stdin: input, stderr } = process
  const output = new Writable({ write: (_chunk, _encoding, done) => done() })
  const lines = createInterface({ input, output, terminal: input.isTTY, historySize: 0 })
  if (input.isTTY) stderr.write(question)
  try {
    for await (const line of lines) return line
    return undefined
  } finally {
    lines.close()
    if (input.isTTY) stderr.write('\n')
  }
}
