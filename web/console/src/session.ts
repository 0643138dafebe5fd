import { signal } from '@preact/signals'
import type { Agent, Session } from '@switchboard/client'
import { arrive, type Granted, renew } from './oidc'
import { type Choice, request } from './request'

/** Someone whom the server knows by a token. */
export interface Person {
  readonly token: string
  readonly agent: Agent
  readonly role: string
  readonly workspace: Session['workspace']
}

/** What this tab may sign in with. */
interface Keys {
  readonly token: string | null // of the person who is signed in
  readonly offered: readonly string[] // development tokens from the address that the server printed
  readonly connector: string | null // with which customers of the demo write
  readonly grant: Granted | null // of the identity provider at which the person signed in
  readonly choices: readonly Choice[] // the workspaces among which the person chooses, if there are several
  readonly workspace: string | null // the one that the person has chosen
}

// A tab's own storage: it ends with the tab, and another tab can be another person.
const place = 'switchboard:keys'

// What belongs to the person who is signed in.
const nobody = { token: null, grant: null, choices: [], workspace: null }

function stored(): Keys {
  const none: Keys = { ...nobody, offered: [], connector: null }
  const text = sessionStorage.getItem(place)
  return text ? { ...none, ...JSON.parse(text) } : none
}

/** Takes the tokens out of the address, so that nobody reads or copies them from there. */
function fromAddress(): Keys | null {
  const values = new URLSearchParams(location.hash.slice(1))
  const tokens = values.getAll('token')
  if (tokens.length === 0) return null
  history.replaceState(null, '', location.pathname + location.search)
  return {
    ...nobody,
    token: tokens.length === 1 ? tokens[0]! : null,
    offered: tokens,
    connector: values.get('connector'),
  }
}

export const keys = signal(fromAddress() ?? stored())
// The printed address can be opened in a tab that is here already.
addEventListener('hashchange', () => {
  const found = fromAddress()
  if (found) keys.value = found
})
keys.subscribe((value) => sessionStorage.setItem(place, JSON.stringify(value)))

/** Why the person has to sign in again; null if there is no reason to tell. */
export const farewell = signal<string | null>(null)

export function signIn(token: string) {
  farewell.value = null
  keys.value = { ...keys.value, ...nobody, token }
}

export function signOut(reason: string | null = null) {
  farewell.value = reason
  keys.value = { ...keys.value, ...nobody }
}

/** Lets the person choose among workspaces. */
export function offer(choices: readonly Choice[]) {
  keys.value = { ...keys.value, choices, workspace: null }
}

/** Chooses the workspace to work in; null: the person is asked which one. */
export function chooseWorkspace(workspace: string | null) {
  history.replaceState(null, '', '/') // what is open belongs to the workspace before
  keys.value = { ...keys.value, workspace }
}

function take(grant: Granted) {
  keys.value = { ...keys.value, token: grant.token, grant }
}

/** Signs the person in who comes back from an identity provider. */
export async function comeBack() {
  try {
    const grant = await arrive()
    if (grant) take(grant)
  } catch (error) {
    farewell.value = (error as Error).message
  }
}

const early = 30_000 // milliseconds before a token expires
let renewing: Promise<void> | undefined

/** Returns the token of the person, a new one if it is about to expire and the provider allows that. */
export async function freshToken(): Promise<string> {
  const { grant } = keys.value
  if (grant?.refresh && grant.until - early < Date.now()) {
    renewing ??= renew(grant)
      .then(take, (error) => {
        // Without a connection the provider cannot be asked; the token is tried as long as it lasts.
        if (!(error instanceof TypeError)) signOut(`Sign in again: ${error.message}`)
      })
      .finally(() => (renewing = undefined))
    await renewing
  }
  return keys.value.token ?? ''
}

/** Returns the address that lets another tab choose among the same people. */
export function anotherTab(): string {
  const { offered, connector } = keys.value
  const values = new URLSearchParams(offered.map((token) => ['token', token]))
  if (connector) values.set('connector', connector)
  return `/#${values}`
}

const document = `query SignIn { session { role agent { id revision name avatarUrl availability active }
  workspace { id name closingCategories } } }`

/** Asks the server who has a token, in a workspace if one was chosen. */
export async function identify(token: string, workspace: string | null = null): Promise<Person> {
  const { session } = await request<{ session: Session }>(token, document, {}, workspace)
  if (!session.agent)
    throw new Error('This token belongs to a program. The inbox needs the token of an agent.')
  return { token, agent: session.agent as Agent, role: session.role, workspace: session.workspace }
}
