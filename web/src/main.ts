import { Map, NavigationControl, ScaleControl, setWorkerUrl } from 'maplibre-gl'
import type { ErrorEvent, MapSourceDataEvent, StyleSpecification, VectorTileSource } from 'maplibre-gl'
import workerUrl from 'maplibre-gl/dist/maplibre-gl-csp-worker.js?url'
import { inspect } from './inspect'
import { isNarrow, padding } from './layout'
import { followLegend } from './legend'
import { levelsOf } from './levels'
import { locale } from './locale'
import { Notices } from './notices'
import { followTerritory, home } from './territory'

const main = document.getElementById('main')!
const container = document.getElementById('map')!
const notices = new Notices(document.getElementById('notices')!)

setWorkerUrl(workerUrl)

document.querySelector('.skip')!.addEventListener('click', (e) => {
  e.preventDefault() // the fragment of the address is the view
  container.querySelector('canvas')?.focus()
})

loadStyle().then(start, () => {
  notices.show('style', 'Le serveur de la carte ne répond pas.', {
    label: 'Réessayer',
    run: () => location.reload(),
  })
})

async function loadStyle(): Promise<StyleSpecification> {
  const response = await fetch('/tiles/style.json')
  if (!response.ok) throw new Error(`style.json: ${response.status}`)
  return (await response.json()) as StyleSpecification
}

function start(style: StyleSpecification): void {
  let map: Map
  try {
    map = new Map({
      container,
      style,
      hash: true,
      bounds: home,
      fitBoundsOptions: { padding: padding() },
      minZoom: 2,
      maxZoom: 18,
      renderWorldCopies: false,
      dragRotate: false,
      touchPitch: false,
      locale,
      transformRequest: (url) => ({ url: here(url, style) }),
    })
  } catch {
    notices.show(
      'webgl',
      'Ce navigateur ne peut pas dessiner la carte : WebGL y est absent ou désactivé.',
    )
    return
  }
  map.touchZoomRotate.disableRotation()
  map.keyboard.disableRotation()
  map.addControl(new NavigationControl({ showCompass: false }), 'top-right')
  map.addControl(new ScaleControl(), 'bottom-right')
  if (isNarrow()) foldAttribution()

  const levels = levelsOf(style)
  followLegend(map, levels, document.getElementById('legend')!)
  followTerritory(map, document.getElementById('territory') as HTMLSelectElement)
  inspect(map, levels)
  watch(map, style)
}

/** Leaves the room of the sources to the map, until they are asked for. */
function foldAttribution(): void {
  container.querySelector('.maplibregl-ctrl-attrib')?.classList.remove('maplibregl-compact-show')
}

/**
 * Sends what the style asks of its own server to the server of this page: the
 * same one, that the user may reach by another name.
 */
function here(url: string, style: StyleSpecification): string {
  const source = style.sources['parcelles']
  const own = source?.type === 'vector' && source.url ? new URL(source.url, location.href).origin : location.origin
  return url.startsWith(`${own}/`) ? location.origin + url.slice(own.length) : url
}

/** Says when tiles load, and when they do not. */
function watch(map: Map, style: StyleSpecification): void {
  map.on('dataloading', () => main.classList.add('loading'))
  map.on('idle', () => {
    main.classList.remove('loading')
    main.classList.add('ready')
  })

  let backgroundRenounced = false
  map.on('error', (e: ErrorEvent & { sourceId?: string }) => {
    map.triggerRepaint() // or the map never says that it is idle, when its last tile is lost
    switch (e.sourceId) {
      case 'parcelles':
        notices.show('parcelles', 'Des parcelles ne se chargent pas : le serveur ne répond pas.', {
          label: 'Réessayer',
          run: () => {
            const source = style.sources['parcelles']
            if (source?.type !== 'vector' || !source.url) return
            map.getSource<VectorTileSource>('parcelles')?.setUrl(source.url)
          },
        })
        break
      case 'ign':
        if (backgroundRenounced) break
        notices.show('ign', 'Fond de carte de l’IGN indisponible.', {
          label: 'Fermer',
          run: () => (backgroundRenounced = true),
        })
        break
      case 'departements': // a base that the map can do without
        break
      default:
        console.error(e.error)
    }
  })
  map.on('sourcedata', (e: MapSourceDataEvent & { tile?: { state: string } }) => {
    // A tile of parcels proves nothing: those that were lost stay lost until the user retries.
    if (e.sourceId === 'ign' && e.tile?.state === 'loaded') notices.hide('ign')
  })
}
