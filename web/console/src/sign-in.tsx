import { useEffect, useState } from 'preact/hooks'
import { Avatar } from './avatar'
import { Icon } from './icon'
import { depart, type Issuer } from './oidc'
import type { RequestError } from './request'
import { farewell, identify, keys, type Person, signIn } from './session'

/** The page on which a person chooses who to be. */
export function SignIn() {
  const { offered } = keys.value
  const [ways, setWays] = useState<Ways | null>(null)
  useEffect(() => {
    fetch('/console/sign-in.json')
      .then((response) => response.json())
      .then(setWays, () => setWays(null))
  }, [])
  return (
    <main class="sign-in">
      <h1>
        <span class="mark" aria-hidden="true" /> Switchboard
      </h1>
      {farewell.value && (
        <p class="problem" role="alert">
          {farewell.value}
        </p>
      )}
      {offered.length > 0 && <Team tokens={offered} />}
      {ways?.issuers && <Providers issuers={ways.issuers} />}
      <TokenForm ways={ways} />
    </main>
  )
}

function Team({ tokens }: { tokens: readonly string[] }) {
  const [people, setPeople] = useState<Person[] | null>(null)
  const [problem, setProblem] = useState('')
  useEffect(() => {
    Promise.all(tokens.map((token) => identify(token))).then(setPeople, (error) =>
      setProblem(error.message),
    )
  }, [tokens])
  return (
    <section aria-labelledby="team">
      <h2 id="team">Who are you today?</h2>
      <p class="hint">These people are invented. Be another one in a second window.</p>
      {problem && (
        <p class="problem" role="alert">
          {problem}
        </p>
      )}
      <ul class="team">
        {people?.map(({ token, agent, role }) => (
          <li key={token}>
            <button type="button" onClick={() => signIn(token)}>
              <Avatar person={agent} size={36} />
              <span>
                <strong>
                  <bdi>{agent.name}</bdi>
                </strong>
                <small>{role === 'MANAGER' ? 'Manager' : 'Agent'}</small>
              </span>
            </button>
          </li>
        ))}
        {!people &&
          !problem &&
          tokens.map((token) => <li key={token} class="skeleton" aria-hidden="true" />)}
      </ul>
    </section>
  )
}

/** What the server says about signing in. */
interface Ways {
  readonly development: boolean
  readonly issuers?: readonly Issuer[]
}

function Providers({ issuers }: { issuers: readonly Issuer[] }) {
  return (
    <ul class="providers">
      {issuers.map((issuer) => (
        <li key={issuer.issuer}>
          <button
            type="button"
            class="primary"
            disabled={!issuer.authorizationEndpoint}
            onClick={() => void depart(issuer)}
          >
            Sign in with {new URL(issuer.issuer).host}
          </button>
          {!issuer.authorizationEndpoint && (
            <p class="hint">The identity provider cannot be reached at the moment.</p>
          )}
        </li>
      ))}
    </ul>
  )
}

function TokenForm({ ways }: { ways: Ways | null }) {
  const [token, setToken] = useState('')
  const [problem, setProblem] = useState('')
  const [busy, setBusy] = useState(false)
  const submit = async (event: Event) => {
    event.preventDefault()
    setBusy(true)
    try {
      await identify(token.trim())
      signIn(token.trim())
    } catch (error) {
      if ((error as RequestError).workspaces?.length > 0) return signIn(token.trim()) // and choose
      setProblem((error as Error).message)
      setBusy(false)
    }
  }
  const isHidden = keys.value.offered.length > 0 || Boolean(ways?.issuers)
  const form = (
    <form onSubmit={submit}>
      <label for="token">API token of an agent</label>
      <div class="field">
        <input
          id="token"
          type="password"
          autocomplete="off"
          spellcheck={false}
          required
          value={token}
          aria-describedby="token-hint"
          onInput={(event) => setToken(event.currentTarget.value)}
        />
        <button type="submit" class="primary" disabled={busy}>
          Sign in
        </button>
      </div>
      <p id="token-hint" class="hint">
        It is kept in this tab only, until the tab is closed.
        {ways?.development &&
          !isHidden &&
          ' This server has demo people: open the address of the inbox that it has printed.'}
      </p>
      {problem && (
        <p class="problem" role="alert">
          {problem}
        </p>
      )}
    </form>
  )
  if (!isHidden) return form
  return (
    <details>
      <summary>
        <Icon name="chevron-down" /> Use an API token
      </summary>
      {form}
    </details>
  )
}
