"""A headless Chromium for the tests of pages."""

import shutil

import pytest


@pytest.fixture(scope="session")
def browser():
    """A headless Chromium that notes what a page must not do: violations of its policy, dialogs, requests."""
    if not (shutil.which("chromium") and shutil.which("chromedriver")):
        pytest.skip("needs Debian's chromium and chromium-driver")
    from selenium import webdriver

    options = webdriver.ChromeOptions()
    options.binary_location = shutil.which("chromium")
    for flag in ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--window-size=1280,900"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    driver = webdriver.Chrome(options, webdriver.ChromeService(shutil.which("chromedriver")))
    driver.set_script_timeout(300)
    watch = """
        window.seen = [];
        addEventListener("securitypolicyviolation", (event) => seen.push(`violation: ${event.violatedDirective} ${event.blockedURI}`));
        addEventListener("error", (event) => seen.push(`error: ${event.message}`));
        addEventListener("unhandledrejection", (event) => seen.push(`rejection: ${event.reason}`));
        for (const name of ["alert", "confirm", "prompt"]) window[name] = () => seen.push(name);
    """
    driver.execute_cdp_cmd("Page.addScriptToEvaluateOnNewDocument", {"source": watch})
    yield driver
    driver.quit()
