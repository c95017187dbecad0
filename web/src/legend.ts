import type { Map } from 'maplibre-gl'
import { isNarrow } from './layout'
import { type Level, swatch } from './levels'

/** Zoom from which tiles hold parcels; below it they hold cells. */
export const parcelZoom = 10

/** Fills the legend, and keeps its note and the zoom hint in step with the map. */
export function followLegend(map: Map, levels: Level[], legend: HTMLElement): void {
  legend.querySelector('ul')!.replaceChildren(
    ...levels.map((level) => {
      const item = document.createElement('li')
      item.append(swatch(level.couleur), level.libelle)
      return item
    }),
  )
  legend.querySelector('details')!.open = !isNarrow()
  legend.hidden = false

  const note = document.getElementById('note')!
  const hint = document.getElementById('hint')!
  const update = (): void => {
    const far = map.getZoom() < parcelZoom
    hint.hidden = !far
    note.textContent = far
      ? 'Un carré a la couleur du niveau qui y couvre le plus de surface. ' +
        'Plus il est soutenu, plus les parcelles y sont étendues.'
      : 'Choisissez une parcelle pour lire sa culture et sa surface.'
  }
  map.on('zoomend', update)
  update()
}
