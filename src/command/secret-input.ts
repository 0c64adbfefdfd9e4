import { createInterface } from 'node:readline'
import { Writable } from 'node:stream'

/** Reads without echo. Undefined after Ctrl+C, Ctrl+D or the end of the input. */
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
