/** A way out of a trouble. */
export interface Remedy {
  label: string
  run: () => void
}

/** The messages of the page, at most one for each subject. */
export class Notices {
  private readonly shown = new Map<string, HTMLElement>()

  constructor(private readonly container: HTMLElement) {}

  /** Shows text about subject, unless it is shown already. */
  show(subject: string, text: string, remedy?: Remedy): void {
    if (this.shown.has(subject)) return
    const notice = document.createElement('div')
    notice.className = 'panel notice'
    const p = document.createElement('p')
    p.textContent = text
    notice.append(p)
    if (remedy) {
      const button = document.createElement('button')
      button.type = 'button'
      button.textContent = remedy.label
      button.addEventListener('click', () => {
        this.hide(subject)
        remedy.run()
      })
      notice.append(button)
    }
    this.shown.set(subject, notice)
    this.container.append(notice)
  }

  /** Takes the message about subject away. */
  hide(subject: string): void {
    this.shown.get(subject)?.remove()
    this.shown.delete(subject)
  }
}
