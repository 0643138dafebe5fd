import type { Fields } from '@switchboard/client'
import { Actions } from './actions'
import { useDesk } from './desk'
import { isolate } from './isolate'
import { Modal } from './modal'
import { dialog } from './screen'

/**
 * The question before a key takes a conversation from a colleague, for the viewer or for nobody: it may have been
 * meant for what was shown a moment ago.
 */
export function TakeDialog({ row, isRelease }: { row: Fields; isRelease: boolean }) {
  const desk = useDesk()
  const submit = (event: Event) => {
    event.preventDefault()
    dialog.value = null
    const actions = new Actions(desk)
    void (isRelease ? actions.unassign(row) : actions.take(row))
  }
  const from = row.assignee ? isolate(row.assignee.name) : 'nobody'
  return (
    <Modal title={`${isRelease ? 'Unassign' : 'Take'} ${isolate(row.contact.name)} from ${from}?`}>
      <form onSubmit={submit}>
        <footer>
          <button type="button" onClick={() => (dialog.value = null)}>
            Cancel
          </button>
          <button type="submit" class="primary" autofocus>
            {isRelease ? 'Unassign it' : 'Take it'}
          </button>
        </footer>
      </form>
    </Modal>
  )
}
