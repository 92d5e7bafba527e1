// Browsers start no worker for a page that was opened from a disk. There, a hidden frame runs the script of the search.
if (location.protocol === "file:")
  window.Worker = class extends EventTarget {
    constructor(url) {
      super()
      this.addEventListener("message", (event) => this.onmessage?.(event))
      this.frame = document.createElement("iframe")
      this.frame.hidden = true
      document.documentElement.append(this.frame)
      this.frame.contentWindow.postMessage = (data) => this.dispatchEvent(new MessageEvent("message", { data }))
      const script = this.frame.contentDocument.createElement("script")
      this.ready = new Promise((resolve) => (script.onload = resolve))
      script.src = url
      this.frame.contentDocument.documentElement.append(script)
    }

    async postMessage(data) {
      await this.ready
      this.frame.contentWindow.dispatchEvent(new MessageEvent("message", { data }))
    }

    terminate() {
      this.frame.remove()
    }
  }
