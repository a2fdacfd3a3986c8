// A page opened from a file may start no worker, and the site's search is one: here it runs in a hidden frame instead.
// mkdocs-material would fetch such a script from elsewhere; a page of ours fetches nothing.
if (location.protocol === "file:") {
  window.Worker = class extends EventTarget {
    constructor(url) {
      super();
      this.frame = document.createElement("iframe");
      this.frame.hidden = true;
      document.body.appendChild(this.frame);
      const inside = this.frame.contentWindow;
      window.addEventListener("message", (event) => {
        if (event.source !== inside) return;
        this.dispatchEvent(new MessageEvent("message", { data: event.data }));
        if (this.onmessage) this.onmessage(event);
      });
      this.ready = new Promise((resolve) => { inside.addEventListener("load", resolve); this.frame.onload = resolve; });
      const load = function (...urls) {
        return urls.reduce((before, each) => before.then(() => new Promise((resolve) => {
          const script = document.createElement("script");
          script.src = each;
          script.onload = resolve;
          document.body.appendChild(script);
        })), Promise.resolve());
      };
      inside.document.open();
      inside.document.write(
        `<body><script>postMessage = (data) => parent.postMessage(data, "*"); importScripts = ${load};<\/script>` +
        `<script src="${url}"><\/script></body>`
      );
      inside.document.close();
    }
    postMessage(data) {
      this.ready.then(() => {
        this.frame.contentWindow.dispatchEvent(new MessageEvent("message", { data: structuredClone(data) }));
      });
    }
    terminate() {
      this.frame.remove();
    }
  };
}
