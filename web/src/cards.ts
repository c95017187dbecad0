import type { GeoJsonProperties } from 'geojson'
import { hectares, parcels } from './format'
import { type Level, levelOf, swatch } from './levels'

/** Makes the card of a parcel from the attributes of its tile. */
export function parcelCard(p: NonNullable<GeoJsonProperties>, levels: Level[]): HTMLElement {
  const level = levelOf(levels, p['niveau'])
  const kicker = element('p', 'kicker')
  if (level) kicker.append(swatch(level.couleur), level.libelle)

  const rows = element('dl')
  const row = (term: string, value: unknown): void => {
    if (value !== undefined && value !== '') {
      rows.append(element('dt', '', term), element('dd', '', String(value)))
    }
  }
  const surface: unknown = p['surface']
  row('Surface', typeof surface === 'number' ? hectares(surface) : undefined)
  if (p['culture'] !== undefined) row('Groupe', p['groupe'])
  row('Code CPF', p['cpf'])

  const title = String(p['culture'] ?? p['groupe'] ?? 'Culture non renseignée')
  const far = p['culture'] === undefined && surface === undefined
  return card(
    title,
    kicker,
    far ? element('p', 'note', 'Zoomez pour lire la culture et la surface.') : rows,
  )
}

/** Makes the card of a cell: its parcels, and its hectares by level. */
export function cellCard(p: NonNullable<GeoJsonProperties>, levels: Level[]): HTMLElement {
  const total = Number(p['ha'] ?? 0)
  const bar = element('div', 'bar')
  bar.setAttribute('aria-hidden', 'true')
  const table = document.createElement('table')
  table.append(element('caption', 'hidden', 'Surface par niveau de conversion'))
  for (const { label, colour, attribute } of cellLevels(levels)) {
    const ha = Number(p[attribute] ?? 0)
    if (ha < 0.005) continue // it would read 0,00 ha
    const part = swatch(colour)
    part.style.flexGrow = String(ha / total)
    bar.append(part)
    const row = table.insertRow()
    const head = document.createElement('th')
    head.scope = 'row'
    head.append(swatch(colour), label)
    row.append(head, element('td', '', hectares(ha)))
  }
  const kicker = element('p', 'kicker', parcels(Number(p['nombre'] ?? 0)))
  return card(hectares(total), kicker, bar, table)
}

/** Returns the rows of a cell: levels that share an attribute share a row. */
function cellLevels(levels: Level[]): { label: string; colour: string; attribute: string }[] {
  return [...new Set(levels.map((l) => l.mailles))].map((attribute) => {
    const those = levels.filter((l) => l.mailles === attribute)
    const last = those[those.length - 1]!
    return {
      label: those.length > 1 ? 'Niveau à préciser ou non renseigné' : last.libelle,
      colour: last.couleur,
      attribute,
    }
  })
}

function card(title: string, kicker: HTMLElement, ...rest: HTMLElement[]): HTMLElement {
  const article = element('article', 'card')
  const heading = element('h2', '', title)
  heading.id = 'card-title'
  article.append(kicker, heading, ...rest)
  return article
}

function element(name: string, className = '', text = ''): HTMLElement {
  const e = document.createElement(name)
  if (className) e.className = className
  if (text) e.textContent = text
  return e
}
