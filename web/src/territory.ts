import type { LngLatBoundsLike, Map } from 'maplibre-gl'
import { padding } from './layout'

type Box = [west: number, south: number, east: number, north: number]

// Boxes in degrees of WGS84.
const territories: [name: string, box: Box][] = [
  ['Métropole', [-5.2, 41.3, 9.6, 51.1]],
  ['Guadeloupe', [-61.85, 15.8, -60.98, 16.55]],
  ['Martinique', [-61.25, 14.37, -60.79, 14.9]],
  ['Guyane', [-54.65, 2.1, -51.55, 5.85]],
  ['La Réunion', [55.2, -21.41, 55.86, -20.85]],
  ['Mayotte', [44.99, -13.03, 45.32, -12.62]],
]

/** What the map shows when the address names no view. */
export const home: LngLatBoundsLike = territories[0]![1]

/** Makes select fly to the territories, and name the one in view. */
export function followTerritory(map: Map, select: HTMLSelectElement): void {
  const elsewhere = new Option('Ailleurs', '')
  elsewhere.hidden = true
  select.replaceChildren(...territories.map(([name], i) => new Option(name, String(i))), elsewhere)
  select.addEventListener('change', () => {
    const chosen = territories[Number(select.value)]
    if (chosen) map.fitBounds(chosen[1], { padding: padding(), duration: 1800 })
  })
  const update = (): void => {
    const { lng, lat } = map.getCenter()
    const here = territories.findIndex(([, [w, s, e, n]]) => lng > w && lng < e && lat > s && lat < n)
    select.value = here < 0 ? '' : String(here)
  }
  map.on('moveend', update)
  update()
  select.disabled = false
}
