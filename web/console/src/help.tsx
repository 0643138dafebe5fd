import { Modal } from './modal'

const keys: readonly (readonly [string, string])[] = [
  ['j  k', 'Next and previous conversation'],
  ['Enter', 'Open the conversation'],
  ['Esc', 'Back to the list'],
  ['e', 'Close the conversation'],
  ['a', 'Assign it'],
  ['m', 'Assign it to me'],
  ['u', 'Unassign it'],
  ['z', 'Undo the last action'],
  ['r', 'Reply'],
  ['n', 'Add a note'],
  ['c', 'Show the contact'],
  ['x', 'Choose it for an action on several'],
  ['/', 'Search'],
  ['1 – 5', 'Go to a view'],
  ['Ctrl Enter', 'Send'],
  ['?', 'This list'],
]

export function HelpDialog() {
  return (
    <Modal title="Keys">
      <dl class="keys">
        {keys.map(([key, use]) => (
          <div key={key}>
            <dt>
              <kbd>{key}</kbd>
            </dt>
            <dd>{use}</dd>
          </div>
        ))}
      </dl>
    </Modal>
  )
}
