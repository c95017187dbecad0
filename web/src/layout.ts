import type { PaddingOptions } from 'maplibre-gl'

/** Tells whether the panels lie above and below the map (see style.css), not beside it. */
export function isNarrow(): boolean {
  return matchMedia('(max-width: 47.99rem)').matches
}

/** Returns the room in pixels that the panels and controls take from the map. */
export function padding(): PaddingOptions {
  return isNarrow()
    ? { top: 84, right: 16, bottom: 72, left: 16 }
    : { top: 24, right: 64, bottom: 40, left: 304 }
}
