/** The texts of MapLibre's controls that this page shows or has read aloud. */
export const locale: Record<string, string> = {
  'AttributionControl.ToggleAttribution': 'Afficher ou masquer les sources',
  'Map.Title':
    'Carte des parcelles. Flèches : se déplacer. Plus et moins : zoomer. ' +
    'Entrée : lire ce qui est au centre.',
  'NavigationControl.ZoomIn': 'Zoomer',
  'NavigationControl.ZoomOut': 'Dézoomer',
  'Popup.Close': 'Fermer',
  'ScaleControl.Meters': 'm',
  'ScaleControl.Kilometers': 'km',
}
