import { useState } from 'preact/hooks'

interface Pictured {
  readonly id?: string
  readonly name: string
  readonly avatarUrl: string | null
  readonly availability?: string
}

const hues = 12

/** A person's picture, or the initials where there is none. Names stand beside it, so it is not read out. */
export function Avatar({ person, size = 24 }: { person: Pictured; size?: number }) {
  const [broken, setBroken] = useState<string | null>(null)
  const { name, avatarUrl, availability } = person
  return (
    <span class={`avatar size-${size} hue-${hueOf(name)}`} aria-hidden="true">
      {avatarUrl && broken !== avatarUrl ? (
        <img
          src={avatarUrl}
          alt=""
          loading="lazy"
          width={size}
          height={size}
          onError={() => setBroken(avatarUrl)}
        />
      ) : (
        initials(name)
      )}
      {availability && <i class={`availability ${availability.toLowerCase()}`} />}
    </span>
  )
}

function initials(name: string): string {
  const words = name.split(/\s+/).filter(Boolean)
  const first = words[0] ?? '?'
  const last = words.length > 1 ? words.at(-1)! : ''
  return ([...first][0]! + ([...last][0] ?? '')).toUpperCase()
}

function hueOf(name: string): number {
  let sum = 0
  for (const letter of name) sum = (sum * 31 + letter.codePointAt(0)!) % 9973
  return sum % hues
}
