import type { Fields } from '@switchboard/client'
import { useState } from 'preact/hooks'
import { isolate } from './isolate'
import { Modal } from './modal'
import { notify } from './notices'
import { request } from './request'
import { dialog } from './screen'

const document = `mutation CustomerWrites($input: ReceiveMessageInput!) { receiveMessage(input: $input) {
  contact { name } userErrors { message } } }`

const texts = [
  'Hello, is anybody there? My order has not arrived yet.',
  'Could you tell me whether this tent fits three people?',
  'I would like to send this back. How do I do that?',
  'Thank you, that was quick!',
]

/** Lets somebody who tries the demo write as a customer, as a connector to mail or chat would. */
export function CustomerDialog({ connector, row }: { connector: string; row: Fields | null }) {
  const [isNew, setNew] = useState(row === null)
  const [name, setName] = useState('Maria Example')
  const [text, setText] = useState(() => texts[Math.floor(Math.random() * texts.length)]!)
  const [problem, setProblem] = useState('')
  const submit = async (event: Event) => {
    event.preventDefault()
    const sender = isNew
      ? {
          contact: {
            channel: 'chat',
            externalId: `demo-${name.trim().toLowerCase().replace(/\s+/g, '-')}`,
            name: name.trim(),
          },
        }
      : { known: { contactId: row!.contact.id, channel: row!.channel } }
    try {
      const { receiveMessage: answer } = await request<Answer>(connector, document, {
        input: { sender, body: text },
      })
      if (answer.userErrors[0]) return setProblem(answer.userErrors[0].message)
      dialog.value = null
      notify(`${isolate(answer.contact.name)} has written.`)
    } catch (error) {
      setProblem((error as Error).message)
    }
  }
  return (
    <Modal title="A customer writes">
      <form onSubmit={submit}>
        {row && (
          <fieldset>
            <legend>Who</legend>
            <label class="radio">
              <input type="radio" name="who" checked={!isNew} onChange={() => setNew(false)} />{' '}
              {row.contact.name}
            </label>
            <label class="radio">
              <input type="radio" name="who" checked={isNew} onChange={() => setNew(true)} />{' '}
              Somebody new
            </label>
          </fieldset>
        )}
        {isNew && (
          <>
            <label for="customer">Name</label>
            <input
              id="customer"
              required
              maxLength={100}
              value={name}
              onInput={(event) => setName(event.currentTarget.value)}
            />
          </>
        )}
        <label for="words">Message</label>
        <textarea
          id="words"
          autofocus
          required
          rows={3}
          value={text}
          onInput={(event) => setText(event.currentTarget.value)}
        />
        {problem && (
          <p class="problem" role="alert">
            {problem}
          </p>
        )}
        <footer>
          <span class="hint">It comes in through the API, as from a connector.</span>
          <button type="submit" class="primary">
            Write
          </button>
        </footer>
      </form>
    </Modal>
  )
}

interface Answer {
  readonly receiveMessage: {
    readonly contact: { readonly name: string }
    readonly userErrors: readonly { message: string }[]
  }
}
