// Drives the map page of a running server in a real browser, as its users do.
//
//   node e2e/map.mjs [base URL] [folder of the screenshots]
//
// SILLON_URL and CHROMIUM may stand for the first argument and the browser. The
// server must hold some parcels. Nothing but the server may be asked.

import assert from 'node:assert/strict'
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { chromium } from 'playwright-core'

const base = new URL(process.argv[2] ?? process.env.SILLON_URL ?? 'http://127.0.0.1:8080')
const folder = process.argv[3] ?? fileURLToPath(new URL('artifacts', import.meta.url))

const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
  args: [
    '--headless',
    '--no-sandbox',
    '--disable-gpu',
    '--disable-quic',
    '--no-first-run',
    '--disable-background-networking',
    '--disable-component-update',
    '--disable-sync',
    // WebGL by software
    '--use-gl=angle',
    '--use-angle=swiftshader',
    '--enable-unsafe-swiftshader',
  ],
})

const desktop = { width: 1280, height: 800 }
const phone = { width: 360, height: 740 }

const stories = [
  ['the map of France', franceStory],
  ['reading a cell, then a parcel', parcelStory],
  ['keyboard alone', keyboardStory],
  ['a phone, in the dark', phoneStory],
  ['tiles that do not come', lostTilesStory],
  ['a server without its style', lostStyleStory],
  ['a browser without WebGL', noWebGLStory],
  ['a browser without JavaScript', noScriptStory],
]

await mkdir(folder, { recursive: true })
let failed = 0
for (const [name, story] of stories) {
  const start = performance.now()
  try {
    await story()
    console.log(`ok    ${name} (${Math.round(performance.now() - start)} ms)`)
  } catch (err) {
    failed++
    console.error(`FAIL  ${name}\n${err.stack}`)
  }
}
await browser.close()
process.exit(failed > 0 ? 1 : 0)

async function franceStory() {
  await withPage({ viewport: desktop }, async (page) => {
    await open(page)
    assert.equal(await page.locator('html').getAttribute('lang'), 'fr')
    const labels = await page.locator('#legend li').allTextContents()
    assert.equal(labels.length, 7, `legend: ${labels}`)
    assert.equal(labels[0], 'Agriculture biologique')
    assert.ok(await page.getByText('Zoomez pour voir chaque parcelle').isVisible())
    assert.match(page.url(), /#[\d.]+\/[\d.-]+\/[\d.-]+$/)
    await shot(page, 'france')
    await assertPainted(page)

    await page.getByLabel('Aller à').selectOption('La Réunion')
    await page.waitForFunction(() => Math.round(Number(location.hash.split('/')[1])) === -21)
    await settled(page)
    await shot(page, 'reunion')
  })
}

async function parcelStory() {
  await withPage({ viewport: desktop }, async (page) => {
    await open(page)
    await page.mouse.click(...(await findFeature(page)))
    const popup = page.getByRole('dialog')
    await popup.waitFor()
    assert.match(await popup.textContent(), /parcelles?[\s\S]* ha/)
    await shot(page, 'maille')
    await page.keyboard.press('Escape')
    await popup.waitFor({ state: 'detached' })

    await approachParcels(page)
    assert.ok(await page.locator('#hint').isHidden())
    await page.mouse.click(...(await findFeature(page)))
    await popup.waitFor()
    assert.match(await popup.textContent(), /Surface\s*[\d\s]+(,\d\d)? ha/)
    await shot(page, 'parcelle')
    await popup.getByRole('button', { name: 'Fermer' }).click()
    await popup.waitFor({ state: 'detached' })

    const address = page.url()
    await page.goto('about:blank')
    await page.goto(address)
    await settled(page)
    assert.equal(page.url(), address, 'the view is in the address')
  })
}

async function keyboardStory() {
  await withPage({ viewport: desktop }, async (page) => {
    await open(page)
    await page.keyboard.press('Tab')
    await page.keyboard.press('Enter') // the skip link
    assert.equal(await page.evaluate(() => document.activeElement?.tagName), 'CANVAS')
    for (const zoom of [8, 9, 9]) await centreOn(page, await findFeature(page), zoom)
    await page.locator('#map canvas').focus()
    await page.keyboard.press('Enter')
    const popup = page.getByRole('dialog')
    await popup.waitFor()
    assert.ok(await popup.getByRole('button', { name: 'Fermer' }).evaluate((b) => b === document.activeElement))
    await shot(page, 'clavier')
    await page.keyboard.press('Escape')
    await popup.waitFor({ state: 'detached' })
    const before = page.url()
    await page.keyboard.press('ArrowRight')
    await page.waitForFunction((url) => location.href !== url, before)
  })
}

async function phoneStory() {
  const options = { viewport: phone, hasTouch: true, colorScheme: 'dark', reducedMotion: 'reduce' }
  await withPage(options, async (page) => {
    await open(page)
    const width = await page.evaluate(() => document.documentElement.scrollWidth)
    assert.ok(width <= phone.width, `the page is ${width} px wide`)
    await shot(page, 'mobile-france')
    await page.getByText('Niveau de conversion').tap()
    assert.ok(await page.getByText('Agriculture biologique').isVisible())
    await shot(page, 'mobile-legende')
    await page.getByText('Niveau de conversion').tap()
    await approachParcels(page)
    await page.touchscreen.tap(...(await findFeature(page)))
    await page.getByRole('dialog').waitFor()
    await shot(page, 'mobile-parcelle')
  })
}

async function lostTilesStory() {
  const expected = /503/ // the browser's own line for each lost tile
  await withPage({ viewport: desktop, expected }, async (page) => {
    const tiles = '**/tiles/parcelles/**'
    await page.route(tiles, (route) => route.fulfill({ status: 503 }))
    await page.goto(base.href)
    await page.getByText('Des parcelles ne se chargent pas').waitFor()
    await shot(page, 'sans-tuiles')
    await page.unroute(tiles)
    await page.evaluate(() => document.getElementById('main').classList.remove('ready'))
    await page.getByRole('button', { name: 'Réessayer' }).click()
    await settled(page)
    assert.equal(await page.locator('.notice').count(), 0)
    await assertPainted(page)
  })
}

async function lostStyleStory() {
  await withPage({ viewport: desktop, expected: /503/ }, async (page) => {
    await page.route('**/tiles/style.json', (route) => route.fulfill({ status: 503 }))
    await page.goto(base.href)
    await page.getByText('Le serveur de la carte ne répond pas.').waitFor()
  })
}

async function noWebGLStory() {
  await withPage({ viewport: desktop }, async (page) => {
    await page.addInitScript(() => {
      const original = HTMLCanvasElement.prototype.getContext
      HTMLCanvasElement.prototype.getContext = function (kind, ...rest) {
        return kind.startsWith('webgl') ? null : original.call(this, kind, ...rest)
      }
    })
    await page.goto(base.href)
    await page.getByText('WebGL y est absent ou désactivé').waitFor()
    await shot(page, 'sans-webgl')
  })
}

async function noScriptStory() {
  await withPage({ viewport: desktop, javaScriptEnabled: false }, async (page) => {
    await page.goto(base.href)
    const box = await page.locator('noscript p').boundingBox()
    assert.ok(box && box.height > 0, 'the reason is not shown')
  })
}

// withPage gives use a new page, then fails if it asked another host or had an
// error in its console that is not expected.
async function withPage({ expected, ...options }, use) {
  const context = await browser.newContext({ locale: 'fr-FR', ...options })
  const page = await context.newPage()
  const errors = []
  const strangers = []
  page.on('console', (m) => {
    if (['error', 'warning'].includes(m.type()) && !expected?.test(m.text()) && !isDriverNoise(m.text())) {
      errors.push(m.text())
    }
  })
  page.on('pageerror', (err) => errors.push(String(err)))
  page.on('request', (r) => {
    const url = new URL(r.url())
    if (/^https?:$/.test(url.protocol) && url.host !== base.host) strangers.push(url.href)
  })
  try {
    await use(page)
  } finally {
    await context.close()
  }
  assert.deepEqual(errors, [], 'errors in the console')
  assert.deepEqual(strangers, [], 'requests to other hosts')
}

// isDriverNoise knows what the software GL of a test machine says of itself.
function isDriverNoise(text) {
  return /GL Driver Message|GPU stall/.test(text)
}

async function open(page) {
  await page.goto(base.href)
  await settled(page)
}

// settled waits until the map has drawn all that it asked for.
async function settled(page) {
  await page.locator('#legend:not([hidden])').waitFor()
  await page.locator('#main.ready:not(.loading)').waitFor({ timeout: 60_000 })
}

async function shot(page, name) {
  await page.screenshot({ path: join(folder, `${name}.png`) })
}

// findFeature returns a point of the screen where there is something to read.
// It looks from the centre outwards, clear of the panels.
async function findFeature(page) {
  const { width, height } = page.viewportSize()
  const step = 7
  for (let ring = 0; ring * step < Math.min(width, height) / 3; ring++) {
    const sides = Math.max(1, ring * 4)
    for (let i = 0; i < sides; i++) {
      const angle = (2 * Math.PI * i) / sides
      const x = Math.round(width / 2 + ring * step * Math.cos(angle))
      const y = Math.round(height / 2 + ring * step * Math.sin(angle))
      await page.mouse.move(x, y)
      const cursor = await page.evaluate(() => document.querySelector('#map canvas').style.cursor)
      if (cursor === 'pointer') return [x, y]
    }
  }
  throw new Error(`nothing to read at ${page.url()}`)
}

// approachParcels goes to where there are parcels, one zoom after the other.
async function approachParcels(page) {
  for (const zoom of [7, 9, 10.5, 13]) {
    await centreOn(page, await findFeature(page), zoom)
  }
}

// centreOn shows what is at a point of the screen in its middle, at zoom.
async function centreOn(page, [x, y], zoom) {
  const { width, height } = page.viewportSize()
  const [z, lat, lng] = new URL(page.url()).hash.slice(1).split('/').map(Number)
  const world = 512 * 2 ** z
  const phi = (lat * Math.PI) / 180
  const east = lng + ((x - width / 2) / world) * 360
  const north = Math.asinh(Math.tan(phi)) - ((y - height / 2) / world) * 2 * Math.PI
  const there = (Math.atan(Math.sinh(north)) * 180) / Math.PI
  await page.evaluate((hash) => {
    document.getElementById('main').classList.remove('ready')
    location.hash = hash
  }, `#${zoom}/${there.toFixed(6)}/${east.toFixed(6)}`)
  await settled(page)
}

// assertPainted fails when the middle of the page is one flat colour.
async function assertPainted(page) {
  const { width, height } = page.viewportSize()
  const clip = { x: width / 2 - 150, y: height / 2 - 150, width: 300, height: 300 }
  const png = await page.screenshot({ clip })
  const colours = await page.evaluate(async (data) => {
    const image = new Image()
    image.src = `data:image/png;base64,${data}`
    await image.decode()
    const canvas = Object.assign(document.createElement('canvas'), { width: 300, height: 300 })
    const context = canvas.getContext('2d')
    context.drawImage(image, 0, 0)
    return new Set(new Uint32Array(context.getImageData(0, 0, 300, 300).data.buffer)).size
  }, png.toString('base64'))
  assert.ok(colours > 20, `${colours} colours in the middle of the map`)
}
