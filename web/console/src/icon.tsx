import { h } from 'preact'
import { shapes } from './lucide'

export type IconName = keyof typeof shapes

/** An icon beside words that say the same, so it is hidden from screen readers. */
export function Icon({ name, size = 16 }: { name: IconName; size?: number }) {
  return (
    <svg
      class="icon"
      width={size}
      height={size}
      viewBox="0 0 24 24"
      fill="none"
      stroke="currentColor"
      stroke-width="2"
      stroke-linecap="round"
      stroke-linejoin="round"
      aria-hidden="true"
    >
      {shapes[name].map(([tag, attributes]) => h(tag, attributes))}
    </svg>
  )
}
