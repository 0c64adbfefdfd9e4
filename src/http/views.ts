import { readdirSync, readFileSync } from 'node:fs'
import { join, parse } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Express } from 'express'
import Handlebars from 'handlebars'
import { removeForbidden } from '../xml/escape.js'

/** The views' folder; `src` and `dist` lie beside it. */
const folder = fileURLToPath(new URL('../../views/', import.meta.url))

const engine = Handlebars.create()
const compiled = new Map<string, HandlebarsTemplateDelegate>()

// What the pages have in common, by file name: `{{> head}}` is `parts/head.hbs`.
for (const file of readdirSync(join(folder, 'parts'))) {
  engine.registerPartial(parse(file).name, readFileSync(join(folder, 'parts', file), 'utf8'))
}

/** Writes one of the pages in `views`, each value escaped. A template is read and compiled once. */
export function renderPage(name: string, values: object): string {
  return render(join(folder, `${name}.hbs`), values)
}

/** Teaches Express to write `name.hbs` for `response.render('name', values)`. */
export function registerViews(app: Express): void {
  app.engine('hbs', (path, options, done) => {
    // What Express adds is for engines, not for pages.
    const { settings, _locals, cache, ...values } = options as Record<string, unknown>
    try {
      done(null, render(path, values))
    } catch (error) {
      done(error)
    }
  })
  app.set('views', folder)
  app.set('view engine', 'hbs')
}

function render(path: string, values: object): string {
  let template = compiled.get(path)
  if (template === undefined) {
    template = engine.compile(readFileSync(path, 'utf8'), { knownHelpersOnly: true })
    compiled.set(path, template)
  }
  return template(printable(values) as object)
}

/** The same values, however deep, without the characters that escaping cannot bring into XML. */
function printable(value: unknown): unknown {
  if (typeof value === 'string') return removeForbidden(value)
  if (Array.isArray(value)) return value.map(printable)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, printable(inner)]))
}
