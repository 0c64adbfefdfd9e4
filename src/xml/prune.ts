import { SaxesParser } from 'saxes'

/** An element as `prune` asks about it. */
export interface Branch {
  /** Local name. */
  readonly name: string
  readonly namespace: string
  /** The text directly inside, between its children. */
  readonly content: string
}

/** Removes elements at any depth below the root. For the text of an element that has been read before. */
export function prune(text: string, isUnwanted: (branch: Branch) => boolean): string {
  try {
    return pruner.prune(text, isUnwanted)
  } catch (error) {
    // Where in the text it stands is unknown.
    pruner = new Pruner()
    throw error
  }
}

/** Prunes one text after the other with the same parser, since making one costs more than most texts. */
class Pruner {
  readonly #parser = new SaxesParser({ xmlns: true, position: false })
  #open: { readonly start: number; content: string }[] = []
  #cuts: { readonly start: number; readonly end: number }[] = []
  #text = ''
  #isUnwanted: (branch: Branch) => boolean = () => false

  constructor() {
    const add = (part: string) => {
      const inner = this.#open.at(-1)
      if (inner !== undefined) inner.content += part
    }
    this.#parser.on('text', add)
    this.#parser.on('cdata', add)
    this.#parser.on('opentag', () => {
      // No tag has another `<` in it, so this one is where it starts.
      this.#open.push({ start: this.#text.lastIndexOf('<', this.#parser.position - 1), content: '' })
    })
    this.#parser.on('closetag', ({ local, uri }) => this.#close(local, uri))
  }

  prune(text: string, isUnwanted: (branch: Branch) => boolean): string {
    this.#text = text
    this.#isUnwanted = isUnwanted
    this.#cuts = []
    this.#parser.write(text).close()
    this.#text = ''
    let kept = ''
    let keptFrom = 0
    for (const { start, end } of this.#cuts) {
      kept += text.slice(keptFrom, start)
      keptFrom = end
    }
    return kept + text.slice(keptFrom)
  }

  #close(name: string, namespace: string): void {
    const { start, content } = this.#open.pop()!
    if (this.#open.length === 0 || !this.#isUnwanted({ name, namespace, content })) return
    // What it contains goes with it.
    while (this.#cuts.length > 0 && this.#cuts.at(-1)!.start > start) this.#cuts.pop()
    this.#cuts.push({ start, end: this.#parser.position })
  }
}

let pruner = new Pruner()
