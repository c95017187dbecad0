import { type Map, type MapGeoJSONFeature, type Point, Popup } from 'maplibre-gl'
import { cellCard, parcelCard } from './cards'
import { padding } from './layout'
import type { Level } from './levels'

type State = 'survol' | 'selection' // the feature states that the style knows

/** Lets the user point at a parcel or a cell and read it, by mouse, touch or keyboard. */
export function inspect(map: Map, levels: Level[]): void {
  const canvas = map.getCanvas()
  const hovered = new Mark(map, 'survol')
  const selected = new Mark(map, 'selection')
  let popup: Popup | undefined

  const close = (): void => {
    popup?.remove()
    popup = undefined
    selected.move()
  }

  const open = (point: Point): void => {
    close()
    const feature = featureAt(map, point)
    if (!feature) return
    const content =
      feature.sourceLayer === 'parcelles'
        ? parcelCard(feature.properties, levels)
        : cellCard(feature.properties, levels)
    selected.move(feature)
    popup = new Popup({ closeOnClick: false, maxWidth: '20rem', padding: padding() })
      .setLngLat(map.unproject(point))
      .setDOMContent(content)
      .addTo(map)
    popup.on('close', () => selected.move())
    const dialog = popup.getElement()
    dialog.setAttribute('role', 'dialog')
    dialog.setAttribute('aria-labelledby', 'card-title')
    dialog.addEventListener('keydown', (e) => {
      if (e.key === 'Escape') {
        close()
        canvas.focus()
      }
    })
  }

  map.on('click', (e) => open(e.point))
  map.on('mousemove', (e) => {
    const feature = featureAt(map, e.point)
    canvas.style.cursor = feature ? 'pointer' : ''
    hovered.move(feature)
  })
  map.on('mouseout', () => hovered.move())
  canvas.addEventListener('keydown', (e) => {
    if (e.key === 'Enter') {
      e.preventDefault() // or it would also press the card's button, which has the focus by then
      open(map.project(map.getCenter()))
    }
    if (e.key === 'Escape') close()
  })
}

/** A state that at most one feature has. */
class Mark {
  private on: MapGeoJSONFeature | undefined

  constructor(
    private readonly map: Map,
    private readonly state: State,
  ) {}

  /** Takes the state from the feature that has it, and gives it to another. */
  move(feature?: MapGeoJSONFeature): void {
    if (feature?.id === this.on?.id && feature?.sourceLayer === this.on?.sourceLayer) return
    this.set(this.on, false)
    this.set(feature, true)
    this.on = feature
  }

  private set(feature: MapGeoJSONFeature | undefined, value: boolean): void {
    if (feature?.id === undefined) return
    const { source, sourceLayer, id } = feature
    this.map.setFeatureState(
      { source, id, ...(sourceLayer === undefined ? {} : { sourceLayer }) },
      { [this.state]: value },
    )
  }
}

/** Returns the parcel at or near a point of the screen, else the cell there. */
function featureAt(map: Map, { x, y }: Point): MapGeoJSONFeature | undefined {
  const reach = 3 // px: at zoom 10 many a parcel is smaller than a fingertip
  return (
    map.queryRenderedFeatures([x, y], { layers: ['parcelles', 'mailles'] })[0] ??
    map.queryRenderedFeatures(
      [
        [x - reach, y - reach],
        [x + reach, y + reach],
      ],
      { layers: ['parcelles'] },
    )[0]
  )
}
