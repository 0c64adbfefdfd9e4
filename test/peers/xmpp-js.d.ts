// What the tests use of @xmpp/client besides what the service does.

declare module '@xmpp/client' {
  export function client(options: object): object
}
