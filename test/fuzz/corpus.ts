import { readdirSync, readFileSync } from 'node:fs'

/** The files of these folders of `test/cases`; of those that are refused every third one, or there would be little else. */
export function corpus(...folders: readonly string[]): string[] {
  return folders.flatMap(folder => {
    const place = new URL(`../cases/${folder}/`, import.meta.url)
    return readdirSync(place)
      .filter(file => file.endsWith('.xml'))
      .sort()
      .filter((file, index) => !file.startsWith('refused') || index % 3 === 0)
      .map(file => readFileSync(new URL(file, place), 'utf8'))
  })
}
