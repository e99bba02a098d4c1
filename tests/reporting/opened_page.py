"""A report in a real browser: opened, read and clicked."""

import json

from selenium.webdriver.support.ui import WebDriverWait


def open_page(browser, path, anchor=""):
    """Load a page from its file, and wait until its completions are there."""
    browser.get("about:blank")
    for log in ("performance", "browser"):  # of the page before
        browser.get_log(log)
    browser.get(f"{path.as_uri()}{anchor}")
    wait(browser, lambda: browser.execute_script("return document.documentElement.hasAttribute('data-ready')"))


def wait(browser, condition):
    return WebDriverWait(browser, 300, poll_frequency=0.05).until(lambda _: condition())


def draw_all(browser):
    """Show every part of the page, so that every chart is drawn."""
    browser.execute_script("for (const each of document.querySelectorAll('details')) each.open = true")
    browser.execute_script("for (const each of document.querySelectorAll('[data-choice-value]')) each.hidden = false")
    first_undrawn = """
        const left = [...document.querySelectorAll('[data-figure]')].filter((place) => !place.hasAttribute('data-drawn') && !place.querySelector('p'));
        left[0]?.scrollIntoView();
        return left.length;
    """
    left = browser.execute_script(first_undrawn)
    while left:  # each chart has the whole time to be drawn in, on a busy machine, too
        before = left
        left = wait(browser, lambda before=before: (now := browser.execute_script(first_undrawn)) < before and [now])[0]


def table(browser, selector):
    """A table of numbers: heading of the row -> heading of the column -> whole value, or text."""
    script = """
        const table = document.querySelector(arguments[0]);
        const heads = [...table.tHead.rows[0].cells].map((cell) => cell.textContent);
        return [...table.tBodies[0].rows].map((row) => [...row.cells].map((cell, i) => [heads[i], cell.dataset.value ?? cell.textContent]));
    """
    return {row[0][1]: dict(row[1:]) for row in browser.execute_script(script, selector)}


def text(browser, selector):
    return browser.execute_script("return document.querySelector(arguments[0])?.textContent ?? null", selector)


def seen(browser):
    """What the page did that it must not."""
    return browser.execute_script("return window.seen")


def requests(browser):
    """Addresses that were asked for since the page was opened."""
    events = (json.loads(entry["message"])["message"] for entry in browser.get_log("performance"))
    return [event["params"]["request"]["url"] for event in events if event["method"] == "Network.requestWillBeSent"]


def listed(browser):
    """Names of the completions in the list."""
    return browser.execute_script("return [...document.querySelectorAll('#list a')].map((link) => link.dataset.row)")


def set_filter(browser, name, value):
    """Fill in a filter as its user does."""
    browser.execute_script(
        """
        const field = document.getElementById(`filter-${arguments[0]}`);
        field.value = arguments[1];
        field.dispatchEvent(new Event(field.tagName === 'SELECT' ? 'change' : 'input', { bubbles: true }));
        """,
        name,
        value,
    )
