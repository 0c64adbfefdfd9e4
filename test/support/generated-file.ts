import { readFileSync, writeFileSync } from 'node:fs'

/** The file as it is. `npm run settings` writes the text into it first. */
export function generatedFile(path: string, text: string): string {
  const file = new URL(`../../${path}`, import.meta.url)
  if (process.env['WRITE_GENERATED'] !== undefined) writeFileSync(file, text)
  return readFileSync(file, 'utf8')
}
