// What the documents say, as text that can be run: their examples are for a service at a well-known place.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { root } from '../support/repository.js'

/** The account, the user and the place that all examples have. */
export const documented = {
  account: { name: 'portal', secret: 'choose-a-secret' },
  password: 'wonderland',
  jid: 'alice@example.org',
} as const

export const callsIn = (lines: readonly string[]) =>
  lines
    .map(line => JSON.parse(line))
    .filter(line => line.admin === documented.account.name)
    .map(({ msg, code }) => `${msg}: ${code}`)

/** A document with what is true of the test put in the place of what is written there. */
export class Document {
  readonly text: string

  /** `url` is the service's, for users of `localhost`. */
  constructor(file: string, url: string) {
    this.text = readFileSync(join(root, file), 'utf8')
      .replaceAll(/https?:\/\/(127\.0\.0\.1:8080|chat\.example\.org)(?=[/'])/g, url)
      .replaceAll(/wss?:\/\/(127\.0\.0\.1:8080|chat\.example\.org)(?=\/)/g, url.replace('http', 'ws'))
      .replaceAll("domain: 'example.org'", "domain: 'localhost'")
      .replaceAll('@example.org', '@localhost')
  }

  blocks(language: string): string[] {
    return Array.from(this.text.matchAll(/^```(\w+)\n(.*?)^```$/gms), ([, name, code]) => ({ name, code }))
      .filter(({ name }) => name === language)
      .map(({ code }) => code!)
  }

  /** The calls of curl in it, one after the other. */
  curls(): string[] {
    return this.blocks('sh')
      .flatMap(block => block.replaceAll('\\\n', ' ').split('\n'))
      .filter(line => line.startsWith('curl '))
  }
}
