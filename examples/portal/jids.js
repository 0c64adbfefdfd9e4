/**
 * The JID of the user with this name. Characters that a local part cannot have are escaped (XEP-0106). Otherwise `o'hara` has no JID, and
 * `bob@other.example/` has the JID of a user of another domain.
 */
export function jidOf(name, domain) {
  const local = name
    .trim()
    .replace(/[ "&'/:<>@]|\\(?=20|2[267f]|3[ace]|40|5c)/gi, each => `\\${each.charCodeAt(0).toString(16)}`)
  return `${local}@${domain}`
}
