// Parts of Converse 14.
import type { StropheConnection } from './strophe.js'

export interface Converse {
  readonly plugins: {
    add(name: string, plugin: { initialize(this: { readonly _converse: PrivateConverse }): void }): void
  }
  initialize(settings: object): Promise<void>
}

export interface PrivateConverse {
  readonly api: {
    readonly connection: { get(): ConverseConnection | undefined; reconnect(): void }
    readonly listen: {
      on(name: string, act: (...given: never[]) => unknown): void
    }
    readonly settings: { extend(settings: object): void; set(settings: object): void }
    readonly user: { login(jid: string): Promise<void>; logout(): Promise<void> }
    /** May be replaced. */
    send: (stanza: Element | { tree(): Element }) => void
  }
  readonly exports: {
    readonly ControlBox?: new (attributes: object) => unknown
    readonly MUC?: { readonly prototype: Room }
    /** May be replaced. */
    handleMessageStanza?: (message: Element) => Promise<unknown>
  }
  readonly state: {
    readonly chatboxes: Stored & {
      readonly models: readonly { readonly messages?: Stored }[]
      get(jid: string): { handleErrorMessageStanza?(error: Element): Promise<void> } | undefined
      on(event: 'reset', act: () => void): void
      add(box: unknown): void
    }
    readonly connfeedback: Model
    readonly presences: { readonly models: readonly (Model & { readonly resources: { reset(): void } })[] }
    readonly roster: { readonly models: readonly Model[] }
    readonly session: {
      get(name: 'unacked_stanzas'): readonly string[] | undefined
      get(name: 'num_stanzas_handled_by_server'): number | undefined
      /** Reads what has been stored. */
      fetch(ends: { success(): void; error(): void }): void
    } & Pick<Model, 'save'>
  }
}

export interface Room {
  get(name: 'jid'): string
  /** May be replaced. */
  handleMessageStanza(message: Element): Promise<unknown>
}

interface Stored {
  /** Reads what has been stored. */
  fetch(options: { readonly remove: boolean }): void
}

interface Model {
  readonly id: string
  get(name: string): string | undefined
  set(values: object): void
  save(values: object): void
}

export interface ConverseConnection extends Omit<StropheConnection, 'send'> {
  send: (stanza: Element | { tree(): Element }) => void
  jid: string
  reconnecting: boolean
  /** `logout` if the user logs out. */
  readonly disconnection_cause?: unknown
  onConnectStatusChanged(status: number, condition?: string | null): void
}
