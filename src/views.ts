import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Express } from 'express'
import Handlebars from 'handlebars'
import { removeForbidden } from './xml/escape.js'

/** The views' folder; `src` and `dist` lie beside it. */
const folder = fileURLToPath(new URL('../views/', import.meta.url))

const compiled = new Map<string, HandlebarsTemplateDelegate>()

/** Writes one of the pages in `views`, each value escaped. A template is read and compiled once. */
export function renderPage(name: string, values: object): string {
  return render(join(folder, `${name}.hbs`), values)
}

/** Teaches Express to write `name.hbs` for `response.render('name', values)`. */
export function registerViews(app: Express): void {
  app.engine('hbs', (path, values, done) => {
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
    template = Handlebars.compile(readFileSync(path, 'utf8'), { knownHelpersOnly: true })
    compiled.set(path, template)
  }
  return template(printable(values))
}

/** Without the characters that escaping cannot bring into XML. */
function printable(values: object): object {
  return Object.fromEntries(
    Object.entries(values).map(([name, value]) => [
      name,
      typeof value === 'string' ? removeForbidden(value) : value,
    ]),
  )
}
