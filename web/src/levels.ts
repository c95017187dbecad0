import type { StyleSpecification } from 'maplibre-gl'

/** A level of conversion, as the style paints and names it. */
export interface Level {
  code: string // "" when unknown
  libelle: string
  couleur: string
  mailles: string // attribute of a cell that holds its hectares
}

/** Returns the levels of a style in the order of the legend. */
export function levelsOf(style: StyleSpecification): Level[] {
  const metadata = style.metadata as { 'sillon:niveaux'?: Level[] } | undefined
  return metadata?.['sillon:niveaux'] ?? []
}

/** Returns the level of a code; that of the unknown level for any other text. */
export function levelOf(levels: Level[], code: unknown): Level | undefined {
  return levels.find((l) => l.code === code) ?? levels.find((l) => l.code === '')
}

/** Makes the square of colour that stands for a level. */
export function swatch(colour: string): HTMLElement {
  const span = document.createElement('span')
  span.className = 'swatch'
  span.style.backgroundColor = colour
  return span
}
