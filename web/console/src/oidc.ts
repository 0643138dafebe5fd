/** An identity provider, as `/console/sign-in.json` describes it. */
export interface Issuer {
  readonly issuer: string
  readonly clientId: string
  readonly scope: string
  readonly resource?: string
  readonly token: 'access_token' | 'id_token' // which one the API accepts
  readonly authorizationEndpoint?: string
  readonly tokenEndpoint?: string
}

/** What is kept while the person is at the provider. */
interface Departure {
  readonly issuer: Issuer
  readonly state: string
  readonly verifier: string
  readonly path: string // where the person was
}

const place = 'switchboard:departure'
const redirect = `${location.origin}/`

function random(): string {
  return encode(crypto.getRandomValues(new Uint8Array(32)))
}

function encode(bytes: Uint8Array): string {
  return btoa(String.fromCharCode(...bytes))
    .replace(/\+/g, '-')
    .replace(/\//g, '_')
    .replace(/=+$/, '')
}

/** Sends the person to the provider (RFC 7636, authorization code with PKCE). */
export async function depart(issuer: Issuer) {
  const departure: Departure = {
    issuer,
    state: random(),
    verifier: random(),
    path: location.pathname + location.search,
  }
  sessionStorage.setItem(place, JSON.stringify(departure))
  const digest = await crypto.subtle.digest('SHA-256', new TextEncoder().encode(departure.verifier))
  const address = new URL(issuer.authorizationEndpoint!)
  const values = {
    response_type: 'code',
    client_id: issuer.clientId,
    redirect_uri: redirect,
    scope: issuer.scope,
    state: departure.state,
    code_challenge: encode(new Uint8Array(digest)),
    code_challenge_method: 'S256',
    ...(issuer.resource && { resource: issuer.resource }),
  }
  for (const [name, value] of Object.entries(values)) address.searchParams.set(name, value)
  location.assign(address)
}

/** A token of a provider, and how to get the next one. */
export interface Granted {
  readonly token: string
  readonly issuer: Issuer
  readonly refresh?: string
  readonly until: number // when the token expires, in milliseconds since 1970
}

/** Takes the person's code out of the address and exchanges it; null if the address has none. */
export async function arrive(): Promise<Granted | null> {
  const values = new URLSearchParams(location.search)
  const kept = sessionStorage.getItem(place)
  const state = values.get('state')
  if (!state || !kept) return null
  const { issuer, state: expected, verifier, path }: Departure = JSON.parse(kept)
  sessionStorage.removeItem(place)
  history.replaceState(null, '', path)
  if (state !== expected)
    throw new Error(
      'The answer of the identity provider belongs to another sign-in. Sign in again.',
    )
  // RFC 9207: a provider that names itself must be the one that was asked.
  const from = values.get('iss')
  if (from && from !== issuer.issuer)
    throw new Error('The answer comes from another identity provider. Sign in again.')
  const code = values.get('code')
  if (!code)
    throw new Error(
      values.get('error_description') ?? `The identity provider refused: ${values.get('error')}.`,
    )
  return exchange(issuer, {
    grant_type: 'authorization_code',
    code,
    redirect_uri: redirect,
    code_verifier: verifier,
  })
}

/** Returns the next token of a person whose provider allows that without asking. */
export function renew({ issuer, refresh }: Granted): Promise<Granted> {
  return exchange(issuer, { grant_type: 'refresh_token', refresh_token: refresh! }, refresh)
}

async function exchange(
  issuer: Issuer,
  values: Record<string, string>,
  refresh?: string,
): Promise<Granted> {
  const body = new URLSearchParams({ ...values, client_id: issuer.clientId })
  if (issuer.resource) body.set('resource', issuer.resource)
  const response = await fetch(issuer.tokenEndpoint!, { method: 'POST', body })
  const answer = await response.json().catch(() => null)
  const token = answer?.[issuer.token]
  if (!response.ok || !token)
    throw new Error(
      answer?.error_description ?? `The identity provider answered with status ${response.status}.`,
    )
  const next = answer.refresh_token ?? refresh
  return {
    token,
    issuer,
    ...(next && { refresh: next }),
    until: Date.now() + (answer.expires_in ?? 300) * 1000,
  }
}
