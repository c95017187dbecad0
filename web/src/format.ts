const whole = new Intl.NumberFormat('fr-FR', { maximumFractionDigits: 0 })
const precise = new Intl.NumberFormat('fr-FR', {
  minimumFractionDigits: 2,
  maximumFractionDigits: 2,
})

/** Returns a surface in words; two decimals below 100 ha, none above. */
export function hectares(ha: number): string {
  return `${ha < 100 ? precise.format(ha) : whole.format(ha)} ha`
}

/** Returns a number of parcels in words. */
export function parcels(n: number): string {
  return `${whole.format(n)} ${n < 2 ? 'parcelle' : 'parcelles'}`
}
