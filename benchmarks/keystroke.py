"""Time from a keystroke to the answer on the page, on two running servers side by side.

Run it with ``.venv/bin/python -m benchmarks.keystroke BASE CHANGED``, two addresses such as http://127.0.0.1:8651: the
base first. Chromium types into the same field on both, in turn and in random order; a round's ratio is taken within it.
The time runs from the event of the keystroke to the frame after the new answer is in the page, with the delay that the
page waits for more keys.
"""

from __future__ import annotations

import argparse
import random
import shutil
import statistics
import time

from playwright.sync_api import Page, sync_playwright

#: Before each keystroke the page is given this time to rest.
_REST_S = 0.15
# The keystroke, and a promise of the milliseconds until the suitability of another value has been painted.
_TYPE = """([name, value]) => new Promise((resolve, reject) => {
  const input = document.querySelector(`[name='${name}']`);
  const started = performance.now();
  const answered = (event) => {
    if (event.detail.requestConfig?.elt.id !== 'conditions') return;
    document.removeEventListener('htmx:afterSettle', answered);
    requestAnimationFrame(() => setTimeout(() => resolve(performance.now() - started)));
  };
  document.addEventListener('htmx:afterSettle', answered);
  setTimeout(() => reject(new Error('no answer')), 10000);
  input.value = value;
  input.dispatchEvent(new Event('input', { bubbles: true }));
})"""


def main() -> None:
    """Print the medians of both servers, and the paired ratios with their spread."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("base")
    parser.add_argument("changed")
    parser.add_argument("--species", default="oenanthe-hispanica")
    parser.add_argument("--field", default="env.cover_0_25cm")
    parser.add_argument("--rounds", type=int, default=40)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    draw = random.Random(options.seed)
    times: dict[str, list[float]] = {options.base: [], options.changed: []}
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        pages: dict[str, Page] = {}
        for address in times:
            pages[address] = browser.new_page(viewport={"width": 1366, "height": 900})
            pages[address].goto(f"{address}/?species={options.species}")
            for value in ("50", "51"):
                pages[address].evaluate(_TYPE, [options.field, value])
        for number in range(options.rounds):
            # values that neither server has answered before
            value = f"{20 + 70 * draw.random():.4f}"
            for address in draw.sample(list(times), 2):
                time.sleep(_REST_S)
                times[address].append(pages[address].evaluate(_TYPE, [options.field, value]))
            print(f"round {number + 1}: " + ", ".join(f"{values[-1]:.0f} ms" for values in times.values()))
        browser.close()
    ratios = sorted(after / before for before, after in zip(*times.values(), strict=True))
    for address, values in times.items():
        print(f"{address}: p50 {statistics.median(values):.0f} ms, p90 {statistics.quantiles(values, n=10)[-1]:.0f} ms")
    low, high = ratios[len(ratios) // 10], ratios[-1 - len(ratios) // 10]
    print(f"ratio: median {statistics.median(ratios):.3f}, eight in ten from {low:.3f} to {high:.3f}")


if __name__ == "__main__":
    main()
