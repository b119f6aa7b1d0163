/** That a client goes away, for those who wait for it: most requests are answered before anybody does. */
export class Departure {
  #controller: AbortController | undefined;
  #happened = false;

  get signal(): AbortSignal {
    if (!this.#controller) {
      this.#controller = new AbortController();
      if (this.#happened) this.#controller.abort();
    }
    return this.#controller.signal;
  }

  happen(): void {
    this.#happened = true;
    this.#controller?.abort();
  }
}
