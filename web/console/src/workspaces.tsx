import type { Choice } from './request'
import { chooseWorkspace, signOut } from './session'

/** The page on which a person of several workspaces chooses one. */
export function Workspaces({ choices }: { choices: readonly Choice[] }) {
  return (
    <main class="sign-in">
      <h1>
        <span class="mark" aria-hidden="true" /> Switchboard
      </h1>
      <section aria-labelledby="workspaces">
        <h2 id="workspaces">In which workspace do you work?</h2>
        <ul class="team">
          {choices.map(({ id, name }) => (
            <li key={id}>
              <button type="button" onClick={() => chooseWorkspace(id)}>
                <span class="mark" aria-hidden="true" />
                <strong>
                  <bdi>{name}</bdi>
                </strong>
              </button>
            </li>
          ))}
        </ul>
        <button type="button" onClick={() => signOut()}>
          Sign in as somebody else
        </button>
      </section>
    </main>
  )
}
